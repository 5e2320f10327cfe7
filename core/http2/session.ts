/** One HTTP/2 connection (RFC 9113): frames in, calls out, frames out. Both roles are alike but for who opens streams. */
import type { FieldBlock } from "./field-block.ts";
import * as frame from "./frame.ts";
import { GlitchBudget } from "./glitches.ts";
import { HeadEncoder } from "./head-encoder.ts";
import { type MessageHost, MessageReceiver } from "./message-receiver.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { type FrameOutput, Sender } from "./sender.ts";
import type { SessionOptions, SessionOwner } from "./session-owner.ts";
import {
  ENABLE_PUSH,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_HEADER_LIST_SIZE,
  PeerSettings,
  settingsPayload,
} from "./settings.ts";
import { DEAF, Stream, type StreamEvents, type StreamHost } from "./stream.ts";
import { type Ending, StreamTable } from "./stream-table.ts";

/** A peer that makes us answer and does not read is cut off when so much waits for it. */
const MAX_BACKLOG_BYTES = 1_048_576;
/** Weights of glitches. */
const REFUSED = 1;
const MALFORMED = 2;

export class Session implements StreamHost, MessageHost {
  readonly isServer: boolean;
  readonly streams = new StreamTable();
  readonly sender: Sender;
  readonly peer = new PeerSettings();
  /** Makes the header blocks that streams send. */
  readonly encoder = new HeadEncoder();
  readonly window: ReceiveWindow;
  isSettled = false;
  readonly #owner: SessionOwner;
  readonly #options: SessionOptions;
  readonly #receiver: MessageReceiver;
  readonly #budget: GlitchBudget;
  /** Streams that the chunk at hand has brought something for. */
  readonly #touched = new Set<Stream>();
  #isReceiving = false;
  #prefaceLeft: number;
  #isOver = false;
  /** Highest stream of the peer, and the next one of our own. */
  #lastPeerStream = 0;
  #nextStream: number;
  /** Streams of the peer above it are not taken: we are going away. */
  #lastTaken = frame.MAX_STREAM_ID;
  #isGoingAway = false;
  #isPeerGone = false;

  constructor(output: FrameOutput, owner: SessionOwner, options: SessionOptions) {
    this.isServer = options.isServer;
    this.#owner = owner;
    this.#options = options;
    this.#prefaceLeft = options.isServer ? frame.PREFACE.length : 0;
    this.#nextStream = options.isServer ? 2 : 1;
    this.sender = new Sender(output, this.encoder, (stream) => this.#onLocalEnd(stream));
    this.#receiver = new MessageReceiver(this, options.head);
    this.window = new ReceiveWindow(options.window, (stream, bytes) => {
      this.sender.frame(frame.wordFrame(frame.WINDOW_UPDATE, 0, stream, [bytes]));
    });
    const { burst, perSecond } = options.glitches;
    this.#budget = new GlitchBudget(burst, perSecond, options.now());
  }

  /** Says what we are; the first thing on the connection. */
  start(): void {
    const { head, maxStreams, window } = this.#options;
    const payload = settingsPayload([
      // A server has nothing to say of pushes; a client wants none.
      this.isServer ? [MAX_CONCURRENT_STREAMS, maxStreams] : [ENABLE_PUSH, 0],
      [INITIAL_WINDOW_SIZE, window.stream],
      [MAX_HEADER_LIST_SIZE, head.maxHeadBytes],
    ]);
    if (!this.isServer) this.sender.frame(frame.PREFACE);
    this.sender.frame(frame.byteFrame(frame.SETTINGS, 0, 0, payload, 0, payload.length));
    this.window.open();
    this.sender.flush();
  }

  /** Takes what the peer has sent. */
  receive(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#isReceiving = true;
    const at = this.#readPreface(chunk);
    if (at < chunk.length) this.#receiver.push(chunk, at, chunk.length);
    for (const stream of this.#touched) stream.events.onTurn();
    this.#touched.clear();
    this.#isReceiving = false;
    if (this.sender.backlog > MAX_BACKLOG_BYTES)
      this.fail(frame.ENHANCE_YOUR_CALM, "answers that nobody reads");
    this.#goWhenDone();
    this.sender.flush();
  }

  /** The connection has taken what waited. */
  drained(): void {
    if (this.#isOver) return;
    this.sender.pump();
    this.sender.flush();
  }

  /** The connection is gone: every stream is told. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.stop();
    this.#endStreams(frame.CANCEL);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** Whether {@link open} would give a stream now. */
  get canOpen(): boolean {
    const most = Math.min(this.peer.maxConcurrentStreams, this.#options.maxStreams);
    return this.isUsable && this.isSettled && this.streams.size < most;
  }

  /** Whether it may open streams, now or later. */
  get isUsable(): boolean {
    return (
      !this.#isOver && !this.#isPeerGone && !this.#isGoingAway && this.#nextStream <= frame.MAX_STREAM_ID
    );
  }

  /** Opens a stream to a server; its head is to be sent next. */
  open(events: StreamEvents): Stream | null {
    if (!this.canOpen) return null;
    const stream = this.#newStream(this.#nextStream, events);
    this.#nextStream += 2;
    return stream;
  }

  /** Lets open streams finish and takes no others; the peer learns in two steps which are meant (section 6.8). */
  goAway(): void {
    if (this.#isOver || this.#isGoingAway) return;
    this.#isGoingAway = true;
    this.sender.frame(frame.wordFrame(frame.GOAWAY, 0, 0, [frame.MAX_STREAM_ID, frame.NO_ERROR]));
    // Its answer tells that the peer has seen it: what it opens from then on it opens in vain.
    this.ping();
    this.#goWhenDone();
  }

  /** Asks for a sign of life. */
  ping(): void {
    if (this.#isOver) return;
    this.sender.frame(frame.wordFrame(frame.PING, 0, 0, [0, 0]));
    this.#flushOutside();
  }

  sendHead(stream: Stream, encoder: HeadEncoder, endsStream: boolean): void {
    this.sender.head(stream, encoder, endsStream);
  }

  sendData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    this.sender.data(stream, bytes, start, end);
  }

  sendEnd(stream: Stream, trailers: Buffer): void {
    this.sender.end(stream, trailers);
  }

  consume(stream: Stream): void {
    this.window.consume(stream);
    this.#flushOutside();
  }

  reset(stream: Stream, code: number): void {
    this.#close(stream, "reset by us");
    this.sender.frame(frame.wordFrame(frame.RST_STREAM, 0, stream.id, [code]));
    this.#goWhenDone();
    this.#flushOutside();
  }

  isIdle(stream: number): boolean {
    const isOurs = stream % 2 === (this.isServer ? 0 : 1);
    return isOurs ? stream >= this.#nextStream : stream > this.#lastPeerStream;
  }

  fail(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.stop();
    this.sender.frame(frame.wordFrame(frame.GOAWAY, 0, 0, [this.#lastPeerStream, code]));
    this.sender.flush();
    this.#endStreams(code);
    this.#owner.onOver(code, reason);
  }

  failStream(id: number, code: number, reason: string): void {
    const stream = this.streams.get(id);
    this.#owner.onMalformed(reason);
    this.spend(MALFORMED);
    if (this.#isOver) return;
    if (stream === undefined) {
      this.sender.frame(frame.wordFrame(frame.RST_STREAM, 0, id, [code]));
      return;
    }
    const { events } = stream;
    this.reset(stream, code);
    events.onReset(code, false);
  }

  malformed(stream: Stream, reason: string): void {
    this.failStream(stream.id, frame.PROTOCOL_ERROR, reason);
  }

  resetByPeer(stream: Stream, code: number): void {
    const { events } = stream;
    this.#close(stream, "reset by the peer");
    events.onReset(code, code === frame.REFUSED_STREAM);
  }

  spend(weight: number): void {
    const isWithin = this.#budget.spend(weight, this.#options.now());
    if (!isWithin) this.fail(frame.ENHANCE_YOUR_CALM, "more glitches than an honest peer has");
  }

  onSettings(): void {
    this.isSettled = true;
    this.#owner.onChange();
  }

  onPong(): void {
    if (this.#isGoingAway && this.#lastTaken === frame.MAX_STREAM_ID) {
      this.#lastTaken = this.#lastPeerStream;
      this.sender.frame(frame.wordFrame(frame.GOAWAY, 0, 0, [this.#lastTaken, frame.NO_ERROR]));
    }
    this.#owner.onPong();
  }

  onGoAway(lastStream: number): void {
    this.#isPeerGone = true;
    if (!this.isServer) {
      for (const stream of this.streams.all()) {
        if (stream.id <= lastStream) continue;
        this.#close(stream, "reset by the peer");
        stream.events.onReset(frame.REFUSED_STREAM, true);
      }
    }
    this.#owner.onChange();
  }

  accept(id: number): Stream | null {
    this.#lastPeerStream = id;
    if (id > this.#lastTaken) return null;
    if (this.streams.size < this.#options.maxStreams) return this.#newStream(id, DEAF);
    this.streams.close(id, "reset by us");
    this.sender.frame(frame.wordFrame(frame.RST_STREAM, 0, id, [frame.REFUSED_STREAM]));
    this.spend(REFUSED);
    return null;
  }

  readHead(stream: Stream, block: FieldBlock, endsStream: boolean): string {
    return this.#owner.readHead(stream, block, endsStream);
  }

  touch(stream: Stream): void {
    this.#touched.add(stream);
  }

  ended(stream: Stream, trailers: Buffer): void {
    if (stream.expectedBytes >= 0 && stream.receivedBytes !== stream.expectedBytes) {
      this.malformed(stream, "less content than Content-Length says");
      return;
    }
    if (!stream.hasHead) {
      this.malformed(stream, "a message that ends before its head");
      return;
    }
    stream.remoteEnded = true;
    this.#touched.add(stream);
    stream.events.onEnd(trailers);
    if (!stream.isClosed && stream.localEnded) this.#close(stream, "complete");
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    while (this.#prefaceLeft > 0 && at < chunk.length) {
      if (chunk[at] !== frame.PREFACE[frame.PREFACE.length - this.#prefaceLeft]) {
        this.fail(frame.PROTOCOL_ERROR, "a connection that does not begin as HTTP/2");
        return chunk.length;
      }
      at++;
      this.#prefaceLeft--;
    }
    return at;
  }

  #newStream(id: number, events: StreamEvents): Stream {
    const windows = { send: this.peer.initialWindow, receive: this.#options.window.stream };
    const stream = new Stream(this, id, events, windows);
    this.streams.add(stream);
    return stream;
  }

  #onLocalEnd(stream: Stream): void {
    if (stream.isClosed) return;
    if (stream.remoteEnded) this.#close(stream, "complete");
    // The answer is out and the rest of the request is not wanted (section 8.1).
    else if (stream.cutsUpload) this.reset(stream, frame.NO_ERROR);
    this.#goWhenDone();
  }

  #close(stream: Stream, ending: Ending): void {
    stream.isClosed = true;
    this.sender.forget(stream);
    this.streams.close(stream.id, ending);
    // What its owner has not consumed nobody will.
    if (stream.held > 0) {
      this.window.discard(stream.held);
      stream.held = 0;
    }
    this.#owner.onChange();
  }

  /** Ends the connection when it is going away and nothing is left on it. */
  #goWhenDone(): void {
    const isLeaving = this.#isPeerGone || (this.#isGoingAway && this.#lastTaken !== frame.MAX_STREAM_ID);
    if (!isLeaving || this.streams.size > 0 || this.#isOver || this.#isReceiving) return;
    this.#isOver = true;
    this.#receiver.stop();
    this.sender.flush();
    this.#owner.onOver(frame.NO_ERROR, "");
  }

  #endStreams(code: number): void {
    for (const stream of this.streams.all()) {
      const { events } = stream;
      this.#close(stream, "reset by us");
      events.onReset(code, false);
    }
  }

  #flushOutside(): void {
    if (!this.#isReceiving) this.sender.flush();
  }
}
