/** The Date field (RFC 9110 section 5.6.7), made once a second. */
export class HttpDate {
  /** Gives the text for that time, in milliseconds since the epoch. */
  at(_nowMs: number): string {
    throw new Error("pending");
  }
}
