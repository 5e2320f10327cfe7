import type { HeadEncoder } from "./head-encoder.ts";

/** Who is told what happens on a stream. */
export interface StreamEvents {
  /** A head has come, as the session's owner has read it. `endsStream`: no body follows. */
  onHead(endsStream: boolean): void;
  /** Content; the bytes are private to the receiver of the chunk and may be kept. */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The message is whole; field lines of its trailers, often none. */
  onEnd(trailers: Buffer): void;
  /**
   * The peer, or an error of its, has ended the stream; last call. `neverProcessed`: the peer has not acted on it
   * (RFC 9113 section 8.7).
   */
  onReset(code: number, neverProcessed: boolean): void;
  /** What waited has been sent. */
  onDrain(): void;
  /** What one chunk of the connection brought for this stream has been told. */
  onTurn(): void;
}

/** What a stream needs of its session. */
export interface StreamHost {
  sendHead(stream: Stream, encoder: HeadEncoder, endsStream: boolean): void;
  sendData(stream: Stream, bytes: Buffer, start: number, end: number): void;
  sendEnd(stream: Stream, trailers: Buffer): void;
  /** Gives what is held back to the windows. */
  consume(stream: Stream): void;
  reset(stream: Stream, code: number): void;
}

/** Content that waits for a window or for the connection. */
export interface QueuedData {
  readonly bytes: Buffer;
  start: number;
  readonly end: number;
}

/** One stream of a session: a request and its response. Fields are the session's; owners call methods. */
export class Stream {
  readonly id: number;
  events: StreamEvents;
  readonly #host: StreamHost;

  /** What we may send, and what the peer may. */
  sendWindow: number;
  receiveWindow: number;
  /** Received, and not consumed: the owner is paused. */
  held = 0;
  /** Consumed, and not given back to the peer's window yet. */
  unreturned = 0;
  readonly queue: QueuedData[] = [];
  pendingBytes = 0;
  /** No more content comes from us; the trailers that follow what waits. */
  endsWith: Buffer | null = null;
  /** Ask the peer to send no more once we have said all. */
  cutsUpload = false;
  localEnded = false;
  remoteEnded = false;
  isClosed = false;
  isPaused = false;
  /** A final head has come. */
  hasHead = false;
  /** Content that the head declares, and that has come; -1 = not declared. */
  expectedBytes = -1;
  receivedBytes = 0;

  constructor(
    host: StreamHost,
    id: number,
    events: StreamEvents,
    windows: { send: number; receive: number },
  ) {
    this.#host = host;
    this.id = id;
    this.events = events;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
  }

  /** Sends the head that the encoder holds. */
  sendHead(encoder: HeadEncoder, endsStream: boolean): void {
    if (!this.isClosed) this.#host.sendHead(this, encoder, endsStream);
  }

  /** Sends content, keeping a reference to what must wait. */
  sendData(bytes: Buffer, start: number, end: number): void {
    if (!this.isClosed && end > start) this.#host.sendData(this, bytes, start, end);
  }

  /** Ends the message, with trailers if there are any. */
  sendEnd(trailers: Buffer): void {
    if (!this.isClosed && this.endsWith === null) this.#host.sendEnd(this, trailers);
  }

  /** Lets the peer's window run out: what comes from now on is not consumed. */
  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    if (!this.isClosed) this.#host.consume(this);
  }

  /** Ends the stream at once; no event follows. */
  reset(code: number): void {
    if (!this.isClosed) this.#host.reset(this, code);
  }

  /** What we say is all there will be: the peer need not send the rest of its message. */
  abandonUpload(code: number): void {
    if (this.isClosed) return;
    if (this.localEnded) this.#host.reset(this, code);
    else this.cutsUpload = true;
  }
}

function nothing(): void {}

/** For streams whose owner has gone. */
export const DEAF: StreamEvents = {
  onHead: nothing,
  onData: nothing,
  onEnd: nothing,
  onReset: nothing,
  onDrain: nothing,
  onTurn: nothing,
};
