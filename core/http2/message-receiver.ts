/** Frames with messages: HEADERS, CONTINUATION and DATA become heads, content and trailers (RFC 9113 section 8.1). */
import type { HeadLimits } from "../http/message-head.ts";
import { type ControlHost, onControlFrame } from "./control-frames.ts";
import { type BlockKind, FieldBlock } from "./field-block.ts";
import * as frame from "./frame.ts";
import { type FrameHandler, FrameReader } from "./frame-reader.ts";
import { HeaderAssembly } from "./header-assembly.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { trailerLines } from "./message-fields.ts";
import type { ReceiveWindow } from "./receive-window.ts";
import { DEFAULT_TABLE_BYTES } from "./settings.ts";
import type { Stream } from "./stream.ts";

/** What messages need of their session beside what control frames do. */
export interface MessageHost extends ControlHost {
  readonly window: ReceiveWindow;
  /** The peer has said what it is; nothing may come before that. */
  readonly isSettled: boolean;
  /** Takes a stream that the peer opens; null when it is refused, or ignored. */
  accept(id: number): Stream | null;
  /** Reads a head; returns why it is malformed, or "". */
  readHead(stream: Stream, block: FieldBlock, endsStream: boolean): string;
  /** Ends a stream whose message is malformed. */
  malformed(stream: Stream, reason: string): void;
  /** Something came for that stream, whose owner hears at the end of the turn. */
  touch(stream: Stream): void;
  /** The peer has said all that it will on that stream. */
  ended(stream: Stream, trailers: Buffer): void;
}

const NO_TRAILERS = Buffer.alloc(0);
const PRIORITY_BYTES = 5;
/** Weights of glitches. */
const EMPTY_FRAME = 0.5;
const LATE_FRAME = 0.5;

/** Reads one connection: whatever it says becomes calls of its host and events of its streams. */
export class MessageReceiver implements FrameHandler {
  readonly #host: MessageHost;
  readonly #limits: HeadLimits;
  readonly #reader = new FrameReader(this);
  readonly #decoder = new HpackDecoder(DEFAULT_TABLE_BYTES);
  readonly #block = new FieldBlock();
  readonly #assembly: HeaderAssembly;
  readonly #control = { type: 0, flags: 0, stream: 0 };
  /** The stream of the DATA frame at hand; null when nobody wants what is in it. */
  #data: Stream | null = null;
  /** What of that frame is not accounted for yet. */
  #dataLeft = 0;
  #dataEnds = false;

  constructor(host: MessageHost, limits: HeadLimits) {
    this.#host = host;
    this.#limits = limits;
    this.#assembly = new HeaderAssembly(2 * limits.maxHeadBytes);
  }

  push(bytes: Buffer, start: number, end: number): void {
    this.#reader.push(bytes, start, end);
  }

  stop(): void {
    this.#reader.stop();
  }

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    const expected = this.#assembly.stream;
    if (!this.#mayCome(type, flags)) return;
    if (expected !== 0 && (type !== frame.CONTINUATION || stream !== expected)) {
      this.#host.fail(frame.PROTOCOL_ERROR, "a header block that is interrupted");
    } else if (type === frame.HEADERS) this.#onHeaders(flags, stream, bytes, start, end);
    else if (type === frame.CONTINUATION && expected !== 0) this.#onFragment(flags, bytes, start, end);
    else {
      this.#control.type = type;
      this.#control.flags = flags;
      this.#control.stream = stream;
      onControlFrame(this.#host, this.#control, bytes, start, end);
    }
  }

  onDataFrame(flags: number, id: number, length: number): void {
    const host = this.#host;
    this.#data = null;
    this.#dataLeft = length;
    this.#dataEnds = (flags & frame.END_STREAM) !== 0;
    if (!this.#mayCome(frame.DATA, flags)) return;
    if (this.#assembly.stream !== 0) host.fail(frame.PROTOCOL_ERROR, "a header block that is interrupted");
    else if (id === 0 || host.isIdle(id)) host.fail(frame.PROTOCOL_ERROR, "DATA of no stream");
    else if (!host.window.take(length))
      host.fail(frame.FLOW_CONTROL_ERROR, "more than the connection's window");
    else this.#beginData(id, length);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    const stream = this.#data;
    this.#dataLeft -= size;
    if (stream === null || stream.isClosed) {
      this.#host.window.discard(size);
      return;
    }
    stream.receivedBytes += size;
    stream.held += size;
    if (stream.expectedBytes >= 0 && stream.receivedBytes > stream.expectedBytes) {
      this.#host.malformed(stream, "more content than Content-Length says");
      return;
    }
    this.#host.touch(stream);
    stream.events.onData(bytes, start, end);
    if (!stream.isPaused && !stream.isClosed) this.#host.window.consume(stream);
  }

  onDataEnd(): void {
    const stream = this.#data;
    this.#data = null;
    // Padding is consumed by being there.
    if (this.#dataLeft > 0) this.#host.window.discard(this.#dataLeft);
    if (stream === null || stream.isClosed) return;
    stream.unreturned += this.#dataLeft;
    if (this.#dataEnds) this.#host.ended(stream, NO_TRAILERS);
  }

  onUnreadable(code: number, reason: string): void {
    this.#host.fail(code, reason);
  }

  /** The first frame of a peer is SETTINGS (section 3.4). */
  #mayCome(type: number, flags: number): boolean {
    const mayCome = this.#host.isSettled || (type === frame.SETTINGS && (flags & frame.ACK) === 0);
    if (!mayCome) this.#host.fail(frame.PROTOCOL_ERROR, "a first frame that is not SETTINGS");
    return mayCome;
  }

  #beginData(id: number, length: number): void {
    const host = this.#host;
    const stream = host.streams.get(id);
    if (stream === undefined) {
      this.#onLate(id);
      return;
    }
    stream.receiveWindow -= length;
    if (stream.remoteEnded) host.failStream(id, frame.STREAM_CLOSED, "DATA behind the end of a stream");
    else if (stream.receiveWindow < 0) {
      host.failStream(id, frame.FLOW_CONTROL_ERROR, "more than the stream's window");
    } else if (!stream.hasHead) host.malformed(stream, "content before the head");
    else this.#data = stream;
    if (length === 0 && !this.#dataEnds) host.spend(EMPTY_FRAME);
  }

  #onHeaders(flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    const host = this.#host;
    let at = start;
    let padding = 0;
    const extra =
      ((flags & frame.PADDED) !== 0 ? 1 : 0) + ((flags & frame.WITH_PRIORITY) !== 0 ? PRIORITY_BYTES : 0);
    if (stream === 0) {
      host.fail(frame.PROTOCOL_ERROR, "HEADERS without a stream");
      return;
    }
    if (end - start < extra) {
      host.fail(frame.FRAME_SIZE_ERROR, "HEADERS too short");
      return;
    }
    if ((flags & frame.PADDED) !== 0) padding = bytes[at++]!;
    let dependsOnItself = false;
    if ((flags & frame.WITH_PRIORITY) !== 0) {
      dependsOnItself = (bytes.readUInt32BE(at) & frame.MAX_STREAM_ID) === stream;
      at += PRIORITY_BYTES;
    }
    if (padding > end - at || dependsOnItself) {
      host.fail(
        frame.PROTOCOL_ERROR,
        dependsOnItself ? "stream that depends on itself" : "padding longer than its frame",
      );
      return;
    }
    const endsStream = (flags & frame.END_STREAM) !== 0;
    if ((flags & frame.END_HEADERS) !== 0) this.#onBlock(stream, endsStream, bytes, at, end - padding);
    else {
      this.#assembly.begin(stream, endsStream);
      this.#assembly.add(bytes, at, end - padding);
    }
  }

  #onFragment(flags: number, bytes: Buffer, start: number, end: number): void {
    const assembly = this.#assembly;
    if (!assembly.add(bytes, start, end)) {
      // The tables of both sides cannot be kept in step over a block that is not read.
      this.#host.fail(frame.ENHANCE_YOUR_CALM, "header block too large");
    } else if ((flags & frame.END_HEADERS) !== 0) {
      const { stream, endsStream } = assembly;
      const block = assembly.take();
      this.#onBlock(stream, endsStream, block, 0, block.length);
    }
  }

  /** A whole block: of a new stream, of an answer, of trailers, or of a stream that is closed. */
  #onBlock(id: number, endsStream: boolean, bytes: Buffer, start: number, end: number): void {
    const host = this.#host;
    const known = host.streams.get(id);
    this.#block.begin(this.#kindOf(known), this.#limits);
    if (!this.#decoder.decode(bytes, start, end, this.#block)) {
      host.fail(frame.COMPRESSION_ERROR, "header block that cannot be decoded");
    } else if (known === undefined) this.#onUnknown(id, endsStream);
    else if (known.remoteEnded)
      host.failStream(id, frame.STREAM_CLOSED, "HEADERS behind the end of a stream");
    else if (known.hasHead) this.#onTrailers(known, endsStream);
    else this.#onHead(known, endsStream);
  }

  #kindOf(stream: Stream | undefined): BlockKind {
    if (stream?.hasHead === true) return "trailers";
    return this.#host.isServer ? "request" : "response";
  }

  #onUnknown(id: number, endsStream: boolean): void {
    const host = this.#host;
    if (!host.isIdle(id)) {
      this.#onLateHead(id);
      return;
    }
    if (!host.isServer || id % 2 === 0) {
      host.fail(frame.PROTOCOL_ERROR, "HEADERS on a stream that the peer may not open");
      return;
    }
    const stream = host.accept(id);
    if (stream !== null) this.#onHead(stream, endsStream);
  }

  #onHead(stream: Stream, endsStream: boolean): void {
    const fault = this.#host.readHead(stream, this.#block, endsStream);
    if (fault !== "") {
      this.#host.malformed(stream, fault);
      return;
    }
    this.#host.touch(stream);
    stream.events.onHead(endsStream);
    if (endsStream && !stream.isClosed) this.#host.ended(stream, NO_TRAILERS);
  }

  #onTrailers(stream: Stream, endsStream: boolean): void {
    const { fault, isTooLarge } = this.#block;
    if (!endsStream) this.#host.malformed(stream, "trailers that do not end the message");
    else if (fault !== "" || isTooLarge) this.#host.malformed(stream, fault || "trailers too large");
    else this.#host.ended(stream, trailerLines(this.#block));
  }

  /** A head on a closed stream: ours may cross with it on the way, the peer's own end may not (section 5.1). */
  #onLateHead(id: number): void {
    const ending = this.#host.streams.endingOf(id);
    this.#host.spend(LATE_FRAME);
    if (ending === "reset by us") return;
    if (ending === null) this.#host.fail(frame.PROTOCOL_ERROR, "a stream that is older than the newest");
    else this.#host.fail(frame.STREAM_CLOSED, "HEADERS on a closed stream");
  }

  #onLate(id: number): void {
    const ending = this.#host.streams.endingOf(id);
    this.#host.spend(LATE_FRAME);
    if (ending === "complete" || ending === "reset by the peer") {
      this.#host.fail(frame.STREAM_CLOSED, "DATA on a closed stream");
    }
  }
}
