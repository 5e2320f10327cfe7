import { CHUNK_END, CHUNK_HEADER_BYTES, chunkHeader } from "../../../core/http/chunked.ts";
import type { ByteSocket } from "./socket.ts";

/** Up to this size copying a piece costs less than another system call. */
const COPY_BELOW_BYTES = 16_384;
const ROOM_FOR_BODY_BYTES = 65_536;

/**
 * Gathers a head and small pieces of a body so that one event costs one system call. One per worker: whoever
 * begins must flush before it returns to the event loop.
 */
export class SendBuffer {
  readonly bytes: Buffer;
  length = 0;

  /** `headBytes` is the largest head that may be written into {@link bytes}. */
  constructor(headBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(headBytes + ROOM_FOR_BODY_BYTES);
  }

  /** Starts over; the caller may then write a head into {@link bytes} and set {@link length}. */
  begin(): void {
    this.length = 0;
  }

  /** Adds bytes[start, end): by copy what is small or still fits, by reference the rest. */
  add(socket: ByteSocket, bytes: Buffer, start: number, end: number): void {
    let from = start;
    while (end - from > 0) {
      const room = this.bytes.length - this.length;
      if (end - from <= COPY_BELOW_BYTES && room < end - from) {
        this.flush(socket);
        continue;
      }
      if (this.length === 0 && end - from > COPY_BELOW_BYTES) {
        socket.write(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
        return;
      }
      // A large piece behind a head fills up its packets; only what is then left goes by reference.
      const copied = bytes.copy(this.bytes, this.length, from, Math.min(end, from + room));
      this.length += copied;
      from += copied;
      if (from < end) this.flush(socket);
    }
  }

  /** Adds bytes[start, end) as one chunk (RFC 9112 section 7.1). */
  addChunk(socket: ByteSocket, bytes: Buffer, start: number, end: number): void {
    if (end <= start) return;
    if (this.length + CHUNK_HEADER_BYTES > this.bytes.length) this.flush(socket);
    this.length = chunkHeader(end - start, this.bytes, this.length);
    this.add(socket, bytes, start, end);
    this.add(socket, CHUNK_END, 0, CHUNK_END.length);
  }

  /** Frees bytes that were added before and that nobody needs any more. */
  release(socket: ByteSocket, bytes: Buffer): void {
    // Small pieces have been copied, large ones written: nothing here refers to them.
    socket.release(bytes);
  }

  flush(socket: ByteSocket): void {
    if (this.length === 0) return;
    socket.writeScratch(this.bytes, this.length);
    this.length = 0;
  }
}
