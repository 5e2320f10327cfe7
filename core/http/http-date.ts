const SECOND_MS = 1000;

/** The Date field (RFC 9110 section 5.6.7), made once a second. */
export class HttpDate {
  #second = Number.NaN;
  #text = "";

  /** Gives the text for that time, in milliseconds since the epoch. */
  at(nowMs: number): string {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      // The form of toUTCString is IMF-fixdate (ECMA-262 section 21.4.4.43).
      this.#text = new Date(second * SECOND_MS).toUTCString();
    }
    return this.#text;
  }
}
