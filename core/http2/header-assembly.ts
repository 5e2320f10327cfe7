/** Frames that a block may be spread over: one is usual, and even the largest block needs few. */
const MAX_FRAMES = 64;

/** Puts the fragments of a header block together (RFC 9113 section 4.3). */
export class HeaderAssembly {
  /** Stream whose block is unfinished: nothing but its CONTINUATION may come; 0 = none. */
  stream = 0;
  endsStream = false;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Blocks of more octets than that are not put together at all. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  begin(stream: number, endsStream: boolean): void {
    this.stream = stream;
    this.endsStream = endsStream;
    this.#parts = [];
    this.#bytes = 0;
  }

  /** Adds bytes[start, end), by copy; false when that is too much. */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
    this.#bytes += end - start;
    return this.#bytes <= this.#maxBytes && this.#parts.length <= MAX_FRAMES;
  }

  /** Gives the whole block, and is ready for the next one. */
  take(): Buffer {
    const block = Buffer.concat(this.#parts);
    this.begin(0, false);
    return block;
  }
}
