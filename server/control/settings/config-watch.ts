/** Notices that the configuration file is another one. */
import { statSync } from "node:fs";
import { fingerprint } from "../files/file-watch.ts";

const CHECK_EVERY_MS = 1000;

/**
 * Looks once a second, as {@link FileWatch} does. A file that was found changed is read when it has stayed the same for
 * one more look: an editor may still be writing it. An empty one is a file that somebody is about to write: taken for what
 * it says, it would take every backend out of service.
 */
export class ConfigWatch {
  readonly #file: string;
  readonly #onChange: () => void;
  readonly #onEmpty: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #used: string;
  #seen: string;

  /** `onEmpty` is told once of a file that has become empty. */
  constructor(file: string, told: { readonly onChange: () => void; readonly onEmpty: () => void }) {
    this.#file = file;
    this.#onChange = told.onChange;
    this.#onEmpty = told.onEmpty;
    this.#used = fingerprint(file);
    this.#seen = this.#used;
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const seen = fingerprint(this.#file);
    const isSettled = seen === this.#seen;
    this.#seen = seen;
    if (!isSettled || seen === this.#used) return;
    this.#used = seen;
    if (isEmpty(this.#file)) this.#onEmpty();
    else this.#onChange();
  }
}

function isEmpty(file: string): boolean {
  try {
    return statSync(file).size === 0;
  } catch {
    // Whoever reads it says why not.
    return false;
  }
}
