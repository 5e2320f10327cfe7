import {
  DATA,
  FRAME_HEADER_BYTES,
  FRAME_SIZE_ERROR,
  MAX_FRAME_BYTES,
  PADDED,
  PROTOCOL_ERROR,
} from "./frame.ts";

/** Takes frames one by one. Whoever has enough stops the reader. */
export interface FrameHandler {
  /** A whole frame of another type than DATA; its payload is bytes[start, end), valid during the call only. */
  onFrame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame begins; `length` counts with its padding against the windows. */
  onDataFrame(flags: number, stream: number, length: number): void;
  /** Content of that frame, in as many pieces as it came in. */
  onData(bytes: Buffer, start: number, end: number): void;
  /** That frame is over. */
  onDataEnd(): void;
  /** The frames cannot be read any further. */
  onUnreadable(code: number, reason: string): void;
}

const HEADER = 0;
const PAYLOAD = 1;
const PAD_LENGTH = 2;
const CONTENT = 3;
const PADDING = 4;

/** Cuts a stream of octets into frames, however they were segmented. Content of DATA is never copied. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #header = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES);
  /** Made when a payload first comes in pieces. */
  #payload: Buffer | null = null;
  #have = 0;
  #phase = HEADER;
  #length = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  #padding = 0;
  #isStopped = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Reads nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Reads bytes[start, end). */
  push(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && !this.#isStopped) {
      switch (this.#phase) {
        case HEADER:
          at = this.#readHeader(bytes, at, end);
          break;
        case PAYLOAD:
          at = this.#readPayload(bytes, at, end);
          break;
        case PAD_LENGTH:
          this.#readPadLength(bytes[at++]!);
          break;
        case CONTENT: {
          const next = Math.min(end, at + this.#length);
          this.#length -= next - at;
          this.#handler.onData(bytes, at, next);
          at = next;
          this.#advanceData();
          break;
        }
        default: {
          const next = Math.min(end, at + this.#padding);
          this.#padding -= next - at;
          at = next;
          this.#advanceData();
        }
      }
    }
  }

  #readHeader(bytes: Buffer, start: number, end: number): number {
    if (this.#have === 0 && end - start >= FRAME_HEADER_BYTES) {
      this.#beginFrame(bytes, start);
      return start + FRAME_HEADER_BYTES;
    }
    const taken = bytes.copy(this.#header, this.#have, start, end);
    this.#have += taken;
    if (this.#have === FRAME_HEADER_BYTES) {
      this.#have = 0;
      this.#beginFrame(this.#header, 0);
    }
    return start + taken;
  }

  #beginFrame(bytes: Buffer, at: number): void {
    this.#length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    this.#stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    if (this.#length > MAX_FRAME_BYTES) {
      this.#handler.onUnreadable(FRAME_SIZE_ERROR, "frame too large");
    } else if (this.#type === DATA) this.#beginData();
    else if (this.#length > 0) this.#phase = PAYLOAD;
    else this.#handler.onFrame(this.#type, this.#flags, this.#stream, bytes, 0, 0);
  }

  #beginData(): void {
    const isPadded = (this.#flags & PADDED) !== 0;
    this.#padding = 0;
    this.#phase = isPadded ? PAD_LENGTH : CONTENT;
    if (isPadded && this.#length === 0) {
      this.#handler.onUnreadable(FRAME_SIZE_ERROR, "padded frame without a pad length");
      return;
    }
    this.#handler.onDataFrame(this.#flags, this.#stream, this.#length);
    if (!isPadded) this.#advanceData();
  }

  #readPadLength(padding: number): void {
    if (padding >= this.#length) {
      this.#handler.onUnreadable(PROTOCOL_ERROR, "padding longer than its frame");
      return;
    }
    this.#padding = padding;
    this.#length -= 1 + padding;
    this.#phase = CONTENT;
    this.#advanceData();
  }

  #advanceData(): void {
    if (this.#isStopped || this.#length > 0) return;
    this.#phase = this.#padding > 0 ? PADDING : HEADER;
    if (this.#phase === HEADER) this.#handler.onDataEnd();
  }

  #readPayload(bytes: Buffer, start: number, end: number): number {
    if (this.#have === 0 && end - start >= this.#length) {
      this.#phase = HEADER;
      const next = start + this.#length;
      this.#handler.onFrame(this.#type, this.#flags, this.#stream, bytes, start, next);
      return next;
    }
    this.#payload ??= Buffer.allocUnsafeSlow(MAX_FRAME_BYTES);
    const taken = bytes.copy(
      this.#payload,
      this.#have,
      start,
      Math.min(end, start + this.#length - this.#have),
    );
    this.#have += taken;
    if (this.#have === this.#length) {
      this.#have = 0;
      this.#phase = HEADER;
      this.#handler.onFrame(this.#type, this.#flags, this.#stream, this.#payload, 0, this.#length);
    }
    return start + taken;
  }
}
