import { CHUNK_END, CHUNK_HEADER_BYTES, chunkHeader } from "../../../core/http/chunked.ts";
import type { ByteSocket } from "./socket.ts";

/** Up to this size copying a piece costs less than another system call. */
const COPY_BELOW_BYTES = 16_384;
const ROOM_FOR_BODY_BYTES = 65_536;

/**
 * Gathers heads and small pieces of bodies so that one event costs one system call. One per worker, for one socket at a
 * time: turning to another sends what was gathered for the last. Whoever adds must flush before it returns to the event
 * loop.
 */
export class SendBuffer {
  readonly bytes: Buffer;
  length = 0;
  #socket: ByteSocket | null = null;

  /** `headBytes` is the largest head that may be written into {@link bytes}. */
  constructor(headBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(headBytes + ROOM_FOR_BODY_BYTES);
  }

  /** Turns to a socket; the caller may then write behind {@link length}, and move that, or {@link add}. */
  to(socket: ByteSocket): void {
    if (this.#socket === socket) return;
    this.flush();
    this.#socket = socket;
  }

  /** Adds bytes[start, end): by copy what is small or still fits, by reference the rest. */
  add(bytes: Buffer, start: number, end: number): void {
    let from = start;
    while (end - from > 0) {
      const room = this.bytes.length - this.length;
      if (end - from <= COPY_BELOW_BYTES && room < end - from) {
        this.#send();
        continue;
      }
      if (this.length === 0 && end - from > COPY_BELOW_BYTES) {
        this.#socket?.write(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
        return;
      }
      // A large piece behind a head fills up its packets; only what is then left goes by reference.
      const copied = bytes.copy(this.bytes, this.length, from, Math.min(end, from + room));
      this.length += copied;
      from += copied;
      if (from < end) this.#send();
    }
  }

  /** Adds bytes[start, end) as one chunk (RFC 9112 section 7.1). */
  addChunk(bytes: Buffer, start: number, end: number): void {
    if (end <= start) return;
    if (this.length + CHUNK_HEADER_BYTES > this.bytes.length) this.#send();
    this.length = chunkHeader(end - start, this.bytes, this.length);
    this.add(bytes, start, end);
    this.add(CHUNK_END, 0, CHUNK_END.length);
  }

  /** Sends what was gathered, and belongs to nobody. */
  flush(): void {
    if (this.length > 0) this.#send();
    this.#socket = null;
  }

  #send(): void {
    this.#socket?.writeScratch(this.bytes, this.length);
    this.length = 0;
  }
}
