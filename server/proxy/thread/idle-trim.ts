export interface IdleTrimOptions {
  /** Nothing may happen for this long, and at most for twice as long, before memory is given back. */
  readonly quietMs: number;
  readonly isIdle: () => boolean;
  readonly trim: () => void;
}

/** Gives memory back, once, when a time of activity is over: what a burst has left behind would stay with an idle worker. */
export class IdleTrim {
  readonly #options: IdleTrimOptions;
  #isQuiet = true;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(options: IdleTrimOptions) {
    this.#options = options;
  }

  /** Something was done. */
  touch(): void {
    this.#isQuiet = false;
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#look(), this.#options.quietMs);
    this.#timer.unref();
  }

  /** Stops looking. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    if (this.#isQuiet && this.#options.isIdle()) {
      this.stop();
      this.#options.trim();
    }
    this.#isQuiet = true;
  }
}
