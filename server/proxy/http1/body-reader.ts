import { ChunkedReader } from "../../../core/http/chunked.ts";
import { type Framing, NO_TRAILERS } from "./message-body.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Takes the content out of one body after the other (RFC 9112 section 6.3), as one range per call whatever the sender's
 * chunks were: a single chunk is passed by reference, several are joined.
 */
export class BodyReader {
  state: "reading" | "done" | "broken" = "done";
  /** Content of the last {@link read}: bytes[start, end). */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** {@link bytes} were joined here: nobody else has them. */
  isJoined = false;
  #framing: Framing = "none";
  #left = 0;
  readonly #chunks = new ChunkedReader();

  /** Field lines behind the last chunk that may travel on. */
  get trailers(): Buffer {
    return this.#framing === "chunked" ? this.#chunks.trailers : NO_TRAILERS;
  }

  /** Starts a body; `length` counts with that framing only. One that ends with the connection never gets "done" here. */
  begin(framing: Framing, length: number): void {
    this.#framing = framing;
    this.#left = length;
    this.state = framing === "none" || (framing === "length" && length === 0) ? "done" : "reading";
    if (framing === "chunked") this.#chunks.reset();
    this.release();
  }

  /** Reads bytes[at, limit); returns where the body ended, or `limit`. */
  read(bytes: Buffer, at: number, limit: number): number {
    this.isJoined = false;
    if (this.#framing === "chunked") return this.#readChunks(bytes, at, limit);
    const end = this.#framing === "length" ? Math.min(limit, at + this.#left) : limit;
    this.#left -= end - at;
    if (this.#framing === "length" && this.#left === 0) this.state = "done";
    this.bytes = bytes;
    this.start = at;
    this.end = end;
    return end;
  }

  /** Whether bytes[at, limit), the beginning of a body, break its framing already; before any {@link read}. */
  isBrokenIn(bytes: Buffer, at: number, limit: number): boolean {
    if (this.#framing !== "chunked") return false;
    const reader = this.#chunks;
    let position = at;
    while (position < limit && reader.state === "reading") position = reader.push(bytes, position, limit);
    const isBroken = reader.state === "error";
    reader.reset();
    return isBroken;
  }

  /** Lets go of the last range. */
  release(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }

  #readChunks(bytes: Buffer, at: number, limit: number): number {
    const reader = this.#chunks;
    this.bytes = bytes;
    this.start = at;
    this.end = at;
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
    if (reader.state !== "reading") this.state = reader.state === "done" ? "done" : "broken";
    return position;
  }
}
