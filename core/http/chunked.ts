/** Chunked transfer coding (RFC 9112 section 7.1). */
import { CR, HEX, LF, SEMICOLON } from "./byte-class.ts";
import { ChunkExtension } from "./chunk-extension.ts";
import { TrailerSection } from "./trailers.ts";

export interface ChunkLimits {
  /** How far the sum of extension bytes may run ahead of the data. */
  readonly maxExtensionBytes: number;
  readonly maxTrailerBytes: number;
  readonly maxTrailers: number;
}

/** Far above what real senders use, far below what costs anything. */
const DEFAULT_CHUNK_LIMITS: ChunkLimits = {
  maxExtensionBytes: 4096,
  maxTrailerBytes: 8192,
  maxTrailers: 64,
};

export type ChunkedState = "reading" | "done" | "error";

const SIZE_START = 0;
const SIZE = 1;
const EXTENSION = 2;
const SIZE_LF = 3;
const DATA = 4;
const DATA_CR = 5;
const DATA_LF = 6;
const TRAILER_START = 7;
const TRAILER = 8;
const FINAL_LF = 9;

/** Enough for 2^53-1 and a few leading zeros. */
const MAX_SIZE_DIGITS = 16;
const NO_TRAILERS = Buffer.alloc(0);

/**
 * Reads a chunked body piece by piece. Loop:
 * `while (at < end && reader.state === "reading") { at = reader.push(bytes, at, end); use(bytes, reader.dataStart, reader.dataEnd); }`
 * After "done", bytes from `at` on belong to the next message. Lines end with CRLF and nothing else; extensions are
 * checked and forgotten; whitespace around a size is refused (stricter than RFC 9112 section 7.1.1 demands).
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
  trailers: Buffer = NO_TRAILERS;

  readonly #limits: ChunkLimits;
  readonly #extension = new ChunkExtension();
  #phase = SIZE_START;
  #size = 0;
  #digits = 0;
  #excessBytes = 0;
  #trailerSection: TrailerSection | null = null;

  constructor(limits: ChunkLimits = DEFAULT_CHUNK_LIMITS) {
    this.#limits = limits;
  }

  /** Makes the reader ready for another body. */
  reset(): void {
    this.state = "reading";
    this.dataStart = 0;
    this.dataEnd = 0;
    this.bodyBytes = 0;
    this.fault = "";
    this.trailers = NO_TRAILERS;
    this.#phase = SIZE_START;
    this.#excessBytes = 0;
    this.#trailerSection = null;
  }

  /** Reads on from bytes[start]; returns where to go on. Stops after each range of data, at the end, and at a fault. */
  push(bytes: Buffer, start: number, end: number): number {
    this.dataStart = start;
    this.dataEnd = start;
    let at = start;
    while (at < end && this.state === "reading") {
      switch (this.#phase) {
        case SIZE_START:
        case SIZE:
          at = this.#readSize(bytes, at, end);
          break;
        case EXTENSION:
          at = this.#readExtension(bytes, at, end);
          break;
        case DATA:
          return this.#readData(at, end);
        case DATA_CR:
          this.#expect(bytes[at++], CR, DATA_LF, "chunk data not ended by CRLF");
          break;
        case DATA_LF:
          this.#expect(bytes[at++], LF, SIZE_START, "chunk data not ended by CRLF");
          break;
        case SIZE_LF:
          this.#expect(
            bytes[at++],
            LF,
            this.#size > 0 ? DATA : TRAILER_START,
            "chunk size not ended by CRLF",
          );
          break;
        case TRAILER_START:
          this.#phase = bytes[at] === CR ? FINAL_LF : TRAILER;
          if (this.#phase === FINAL_LF) at++;
          break;
        case TRAILER:
          at = this.#readTrailers(bytes, at, end);
          break;
        default:
          this.#expect(bytes[at++], LF, SIZE_START, "body not ended by CRLF");
          if (this.state === "reading") this.state = "done";
      }
    }
    return at;
  }

  #readSize(bytes: Buffer, start: number, end: number): number {
    if (this.#phase === SIZE_START) {
      this.#size = 0;
      this.#digits = 0;
      this.#phase = SIZE;
    }
    let at = start;
    for (; at < end; at++) {
      const digit = HEX[bytes[at]!]!;
      if (digit < 0) break;
      this.#size = this.#size * 16 + digit;
      if (++this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) {
        return this.#fail("chunk size too large", at);
      }
    }
    if (at === end) return at;
    if (this.#digits === 0) return this.#fail("chunk without a size", at);
    if (bytes[at] === CR) this.#phase = SIZE_LF;
    else if (bytes[at] === SEMICOLON) {
      this.#extension.reset();
      this.#phase = EXTENSION;
    } else return this.#fail("invalid chunk size", at);
    return at + 1;
  }

  #readExtension(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (; at < end; at++) {
      const octet = bytes[at]!;
      if (octet === CR && this.#extension.mayEnd()) {
        this.#phase = SIZE_LF;
        return at + 1;
      }
      if (++this.#excessBytes > this.#limits.maxExtensionBytes) {
        return this.#fail("chunk extensions too large", at);
      }
      if (!this.#extension.accept(octet)) return this.#fail("invalid chunk extension", at);
    }
    return at;
  }

  #readData(start: number, end: number): number {
    const length = Math.min(this.#size, end - start);
    this.dataStart = start;
    this.dataEnd = start + length;
    this.bodyBytes += length;
    this.#size -= length;
    // Data pays for extensions, so that only a stream that is mostly extensions is refused.
    this.#excessBytes = Math.max(0, this.#excessBytes - length);
    if (this.#size === 0) this.#phase = DATA_CR;
    return this.dataEnd;
  }

  #readTrailers(bytes: Buffer, start: number, end: number): number {
    this.#trailerSection ??= new TrailerSection(this.#limits.maxTrailerBytes, this.#limits.maxTrailers);
    const section = this.#trailerSection;
    const consumed = section.push(bytes, start, end);
    if (section.fault !== "") return this.#fail(section.fault, start);
    if (section.done) {
      this.trailers = section.forwardable();
      this.state = "done";
    }
    return start + consumed;
  }

  #expect(octet: number | undefined, wanted: number, next: number, fault: string): void {
    if (octet === wanted) this.#phase = next;
    else this.#fail(fault, 0);
  }

  #fail(fault: string, at: number): number {
    this.state = "error";
    this.fault = fault;
    return at;
  }
}

/** Longest chunk header: 14 hexadecimal digits and CRLF. */
export const CHUNK_HEADER_BYTES = 16;
/** The end of a chunk's data. */
export const CHUNK_END: Buffer = Buffer.from("\r\n", "latin1");
/** The end of a chunked body without trailers. */
export const LAST_CHUNK: Buffer = Buffer.from("0\r\n\r\n", "latin1");

const HEX_DIGITS = Buffer.from("0123456789abcdef", "latin1");

/** Writes size and CRLF; returns the position after them. Size must be above 0: a chunk of 0 ends the body. */
export function chunkHeader(size: number, out: Buffer, at: number): number {
  let digits = 1;
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 16)) digits++;
  let rest = size;
  for (let index = at + digits - 1; index >= at; index--) {
    out[index] = HEX_DIGITS[rest % 16]!;
    rest = Math.floor(rest / 16);
  }
  out[at + digits] = CR;
  out[at + digits + 1] = LF;
  return at + digits + 2;
}

/** Makes the end of a chunked body that carries these trailers, of ChunkedReader. */
export function lastChunk(trailers: Buffer): Buffer {
  if (trailers.length === 0) return LAST_CHUNK;
  return Buffer.concat([Buffer.from("0\r\n", "latin1"), trailers, CHUNK_END]);
}
