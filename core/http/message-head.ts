/** What request heads and response heads share: field lines as offsets into the caller's bytes. */

export interface HeadLimits {
  /** Start line, field lines and the empty line together. */
  readonly maxHeadBytes: number;
  readonly maxTargetBytes: number;
  readonly maxHeaders: number;
}

/** A head under construction or complete; reusable, and valid until its next parse. One per connection and direction. */
export class MessageHead {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  /** First byte after the empty line. */
  end = 0;
  minor: 0 | 1 = 1;
  keepAlive = false;
  /** Declared length, or -1 without one. */
  contentLength = -1;
  count = 0;
  nameStart: Uint32Array = new Uint32Array(0);
  nameEnd: Uint32Array = new Uint32Array(0);
  valueStart: Uint32Array = new Uint32Array(0);
  valueEnd: Uint32Array = new Uint32Array(0);

  /** Forgets everything, also a parse that waits for more bytes. */
  reset(): void {
    this.count = 0;
  }
  /** Value of the first field of that lower-case name, as latin1; null without one. */
  get(_lowerName: string): string | null {
    throw new Error("pending");
  }
  /** Values of all fields of that lower-case name, joined by ", "; null without one. */
  join(_lowerName: string): string | null {
    throw new Error("pending");
  }
  name(_index: number): string {
    throw new Error("pending");
  }
  value(_index: number): string {
    throw new Error("pending");
  }
}
