import {
  byteFrame,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  FIRST_WINDOW,
  FRAME_HEADER_BYTES,
  HEADERS,
  MAX_FRAME_BYTES,
  writeFrameHeader,
} from "./frame.ts";
import type { HeadEncoder } from "./head-encoder.ts";
import type { Stream } from "./stream.ts";

/** Where frames go. Small pieces are copied, large ones kept by reference until they are sent. */
export interface FrameOutput {
  /** Octets that have been flushed and that the connection has not taken. */
  readonly pendingBytes: number;
  add(bytes: Buffer, start: number, end: number): void;
  flush(): void;
}

/** Above this much in the connection's own queue, content waits here, where streams take turns. */
const HIGH_WATER_BYTES = 65_536;

/**
 * Sends frames. Content of several streams shares the connection frame by frame in turn; it waits while the stream's
 * window, the connection's window, or the connection itself is full.
 */
export class Sender {
  /** What the connection may send. */
  window = FIRST_WINDOW;
  readonly #output: FrameOutput;
  readonly #header = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES);
  readonly #trailers: HeadEncoder;
  readonly #onLocalEnd: (stream: Stream) => void;
  /** Streams with content or an end that waits, in the order of their turns. */
  readonly #waiting = new Set<Stream>();

  /** `encoder` makes all header blocks of this direction. `onLocalEnd` is told of each stream on which we have said all. */
  constructor(output: FrameOutput, encoder: HeadEncoder, onLocalEnd: (stream: Stream) => void) {
    this.#output = output;
    this.#trailers = encoder;
    this.#onLocalEnd = onLocalEnd;
  }

  /** Sends a frame that is ready. */
  frame(bytes: Buffer): void {
    this.#output.add(bytes, 0, bytes.length);
  }

  flush(): void {
    this.#output.flush();
  }

  /** Octets of frames that the connection has not taken. */
  get backlog(): number {
    return this.#output.pendingBytes;
  }

  /** Sends the header block that the encoder holds. */
  head(stream: Stream, { bytes, length }: HeadEncoder, endsStream: boolean): void {
    const last = endsStream ? END_STREAM : 0;
    for (let at = 0; at === 0 || at < length; at += MAX_FRAME_BYTES) {
      const end = Math.min(length, at + MAX_FRAME_BYTES);
      const flags = (at === 0 ? last : 0) | (end === length ? END_HEADERS : 0);
      this.frame(byteFrame(at === 0 ? HEADERS : CONTINUATION, flags, stream.id, bytes, at, end));
    }
    if (endsStream) this.#ended(stream);
  }

  /** Sends content now as far as it may be sent; the rest waits. */
  data(stream: Stream, bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (stream.queue.length === 0 && at < end) {
      const sent = this.#sendSome(stream, bytes, at, end);
      if (sent === 0) break;
      at += sent;
    }
    if (at === end) return;
    stream.queue.push({ bytes, start: at, end });
    stream.pendingBytes += end - at;
    this.#waiting.add(stream);
  }

  /** Ends the message once what waits has been sent. */
  end(stream: Stream, trailers: Buffer): void {
    stream.endsWith = trailers;
    if (stream.queue.length === 0) this.#sendEnd(stream, trailers);
  }

  /** Sends what may be sent by now: windows have grown, or the connection has taken what waited there. */
  pump(): void {
    for (let blocked = 0; blocked < this.#waiting.size; ) {
      const [stream] = this.#waiting;
      if (stream === undefined) return;
      this.#waiting.delete(stream);
      this.#waiting.add(stream);
      blocked = this.#turn(stream) ? 0 : blocked + 1;
    }
  }

  /** Forgets what waits on a stream. */
  forget(stream: Stream): void {
    this.#waiting.delete(stream);
    stream.queue.length = 0;
    stream.pendingBytes = 0;
  }

  /** Sends one frame of a stream; false when it may send none. */
  #turn(stream: Stream): boolean {
    const first = stream.queue[0];
    if (first === undefined) return false;
    const sent = this.#sendSome(stream, first.bytes, first.start, first.end);
    if (sent === 0) return false;
    first.start += sent;
    stream.pendingBytes -= sent;
    if (first.start < first.end) return true;
    stream.queue.shift();
    if (stream.queue.length > 0) return true;
    this.#waiting.delete(stream);
    if (stream.endsWith !== null) this.#sendEnd(stream, stream.endsWith);
    else stream.events.onDrain();
    return true;
  }

  /** Sends one DATA frame of bytes[at, end); returns how much went into it. */
  #sendSome(stream: Stream, bytes: Buffer, at: number, end: number): number {
    if (this.#output.pendingBytes > HIGH_WATER_BYTES) return 0;
    const size = Math.min(end - at, MAX_FRAME_BYTES, this.window, stream.sendWindow);
    if (size <= 0) return 0;
    this.window -= size;
    stream.sendWindow -= size;
    this.#addHeader(size, 0, stream.id);
    this.#output.add(bytes, at, at + size);
    return size;
  }

  #sendEnd(stream: Stream, trailers: Buffer): void {
    if (trailers.length > 0) {
      this.#trailers.trailers(trailers);
      this.head(stream, this.#trailers, true);
      return;
    }
    this.#addHeader(0, END_STREAM, stream.id);
    this.#ended(stream);
  }

  #addHeader(length: number, flags: number, stream: number): void {
    writeFrameHeader(this.#header, 0, { length, type: DATA, flags, stream });
    this.#output.add(this.#header, 0, FRAME_HEADER_BYTES);
  }

  #ended(stream: Stream): void {
    stream.localEnded = true;
    this.#onLocalEnd(stream);
  }
}
