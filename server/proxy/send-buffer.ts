import { CHUNK_END, CHUNK_HEADER_BYTES, chunkHeader } from "../../core/http/chunked.ts";
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

  /** Adds bytes[start, end): small ones by copy, large ones by reference after what was gathered. */
  add(socket: ByteSocket, bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size <= 0) return;
    if (size <= COPY_BELOW_BYTES) {
      if (this.length + size > this.bytes.length) this.flush(socket);
      bytes.copy(this.bytes, this.length, start, end);
      this.length += size;
      return;
    }
    this.flush(socket);
    socket.write(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  }

  /** Adds bytes[start, end) as one chunk (RFC 9112 section 7.1). */
  addChunk(socket: ByteSocket, bytes: Buffer, start: number, end: number): void {
    if (end <= start) return;
    if (this.length + CHUNK_HEADER_BYTES > this.bytes.length) this.flush(socket);
    this.length = chunkHeader(end - start, this.bytes, this.length);
    this.add(socket, bytes, start, end);
    this.add(socket, CHUNK_END, 0, CHUNK_END.length);
  }

  flush(socket: ByteSocket): void {
    if (this.length === 0) return;
    socket.writeScratch(this.bytes, this.length);
    this.length = 0;
  }
}
