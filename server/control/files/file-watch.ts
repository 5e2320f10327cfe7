import { statSync } from "node:fs";
import type { LogData } from "../../../core/log/format.ts";
import type { Logger } from "../logging/logger.ts";
import type { Loaded } from "./loaded.ts";

const CHECK_EVERY_MS = 1000;

export interface FileWatchOptions<T> {
  /** Which ones there are may change with the configuration. */
  readonly files: () => readonly string[];
  /** What the files hold, in the plural, for the log. */
  readonly what: string;
  /** Reads all of them; null while they do not fit together. */
  readonly read: () => Loaded<T>;
  /** Has what was read used from now on; gives what the log is to say of it. */
  readonly use: (value: T) => LogData;
  readonly log: Logger;
}

/**
 * Looks at files once a second, which works for every way of replacing them: written in place, renamed over, or behind
 * a symbolic link that turns. New content is used when all files fit together; until then the old stays, and the log
 * says why: of two files one may come first.
 */
export class FileWatch<T> {
  readonly #options: FileWatchOptions<T>;
  readonly #timer: ReturnType<typeof setInterval>;
  #seen: string;
  #complaint = "";

  constructor(options: FileWatchOptions<T>) {
    this.#options = options;
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

  #take(): boolean {
    const { what, read, use, log } = this.#options;
    const { value, faults } = read();
    if (value === null) {
      const complaint = faults.map(({ message }) => message).join("; ");
      if (complaint !== this.#complaint) {
        log.error(`new ${what} are not used, the old ones stay`, { reason: complaint });
      }
      this.#complaint = complaint;
      return false;
    }
    this.#complaint = "";
    log.info(`new ${what} are in use`, use(value));
    return true;
  }

  /** What tells one version of the files from another, without reading them. */
  #look(): string {
    return this.#options.files().map(fingerprint).join("|");
  }
}

/** What tells one version of a file from another, without reading it. */
export function fingerprint(file: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch {
    // Gone for the moment, which is a change like another.
    return "absent";
  }
}
