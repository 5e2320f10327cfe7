/** Bounds how many lines of one kind are written in a second. */
export class LineGate {
  readonly #perSecond: number;
  #windowEndsMs = Number.NEGATIVE_INFINITY;
  #left = 0;
  #suppressed = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Tells whether a line may be written at `nowMs`, which is of a clock that never goes back. */
  allows(nowMs: number): boolean {
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + 1000;
      this.#left = this.#perSecond;
    }
    if (this.#left === 0) {
      this.#suppressed++;
      return false;
    }
    this.#left--;
    return true;
  }

  /** Gives the number of lines left out since the last that was written; undefined for none. */
  takeSuppressed(): number | undefined {
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed === 0 ? undefined : suppressed;
  }
}
