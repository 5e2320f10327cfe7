import { statSync } from "node:fs";

const CHECK_EVERY_MS = 1000;

/**
 * Looks at files once a second, which works for every way of replacing them: written in place, renamed over, or behind
 * a symbolic link that turns.
 */
export class FileWatch {
  readonly #files: readonly string[];
  readonly #take: () => boolean;
  readonly #timer: ReturnType<typeof setInterval>;
  #seen: string;

  /** Calls `take` after a change, and again each second until it gives true: of two files one may come first. */
  constructor(files: readonly string[], take: () => boolean) {
    this.#files = files;
    this.#take = take;
    this.#seen = this.#look();
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const seen = this.#look();
    if (seen !== this.#seen && this.#take()) this.#seen = seen;
  }

  /** What tells one version of the files from another, without reading them. */
  #look(): string {
    return this.#files.map(fingerprint).join("|");
  }
}

function fingerprint(file: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch {
    // Gone for the moment, which is a change like another.
    return "absent";
  }
}
