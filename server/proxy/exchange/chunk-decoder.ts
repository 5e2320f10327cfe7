import { ChunkedReader } from "../../../core/http/chunked.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Takes the data out of a chunked body, as one range per call whatever the sender's chunks were: a single chunk is
 * passed by reference, several are joined.
 */
export class ChunkDecoder {
  readonly reader = new ChunkedReader();
  /** Data of the last {@link decode}: bytes[start, end). */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** {@link bytes} were joined here: nobody else has them. */
  isJoined = false;

  reset(): void {
    this.reader.reset();
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }

  /** Reads bytes[at, limit); returns where the body ended, or `limit`. */
  decode(bytes: Buffer, at: number, limit: number): number {
    const reader = this.reader;
    this.bytes = bytes;
    this.start = at;
    this.end = at;
    this.isJoined = false;
    let joined: Buffer | null = null;
    let position = at;
    while (position < limit && reader.state === "reading") {
      position = reader.push(bytes, position, limit);
      const size = reader.dataEnd - reader.dataStart;
      if (size === 0) continue;
      if (this.end === this.start) {
        this.start = reader.dataStart;
        this.end = reader.dataEnd;
        continue;
      }
      if (joined === null) {
        joined = Buffer.allocUnsafe(limit - at);
        this.end = bytes.copy(joined, 0, this.start, this.end);
        this.start = 0;
        this.bytes = joined;
        this.isJoined = true;
      }
      this.end += bytes.copy(joined, this.end, reader.dataStart, reader.dataEnd);
    }
    return position;
  }

  /** Lets go of the last range. */
  release(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}
