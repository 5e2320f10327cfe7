/** Chunked transfer coding (RFC 9112 section 7.1). */

export interface ChunkLimits {
  /** Extension bytes that may run ahead of the data. */
  readonly maxExtensionBytes: number;
  readonly maxTrailerBytes: number;
  readonly maxTrailers: number;
}

export type ChunkedState = "reading" | "done" | "error";

/**
 * Reads a chunked body piece by piece. Loop:
 * `while (at < end && reader.state === "reading") { at = reader.push(bytes, at, end); use(bytes, reader.dataStart, reader.dataEnd); }`
 * After "done", bytes from `at` on belong to the next message.
 */
export class ChunkedReader {
  state: ChunkedState = "reading";
  /** Data found by the last push: bytes[dataStart, dataEnd) of that call; may be empty. */
  dataStart = 0;
  dataEnd = 0;
  /** Sum of all data so far. */
  bodyBytes = 0;
  /** What is wrong in state "error", for the log. */
  fault = "";
  /** Field lines that may be forwarded, each with its CRLF, once "done"; empty without any. */
  trailers: Buffer = Buffer.alloc(0);

  constructor(_limits?: ChunkLimits) {}

  reset(): void {
    this.state = "reading";
  }

  /** Reads on from bytes[start]; returns where to go on. Stops after each range of data, at the end, and at a fault. */
  push(_bytes: Buffer, _start: number, _end: number): number {
    throw new Error("pending");
  }
}

/** Longest chunk header: 14 hexadecimal digits and CRLF. */
export const CHUNK_HEADER_BYTES = 16;
/** The end of a chunk's data. */
export const CHUNK_END: Buffer = Buffer.from("\r\n", "latin1");
/** The end of a chunked body without trailers. */
export const LAST_CHUNK: Buffer = Buffer.from("0\r\n\r\n", "latin1");

/** Writes size and CRLF; returns the position after them. Size must be above 0. */
export function chunkHeader(_size: number, _out: Buffer, _at: number): number {
  throw new Error("pending");
}

/** Makes the end of a chunked body that carries these trailers. */
export function lastChunk(_trailers: Buffer): Buffer {
  throw new Error("pending");
}
