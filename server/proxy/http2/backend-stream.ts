import type { ForwardContext } from "../../../core/http/forward-request.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import { ResponseHead } from "../../../core/http/response-head.ts";
import type { FieldBlock } from "../../../core/http2/field-block.ts";
import { CANCEL } from "../../../core/http2/frame.ts";
import type { HeadEncoder } from "../../../core/http2/head-encoder.ts";
import { fillResponse } from "../../../core/http2/message-fields.ts";
import type { Stream, StreamEvents } from "../../../core/http2/stream.ts";
import type { BareConnection, Upstream, UpstreamUser } from "../exchange/sides.ts";
import { freeBytes } from "../net/free-bytes.ts";

/** The connection that a stream is on. */
export interface BackendStreamHome {
  readonly scheme: "http" | "https";
  encoder(): HeadEncoder;
  flush(): void;
  /** A stream that waits is not wanted any more. */
  forgetWaiting(stream: BackendStream): void;
  /** A request went without an answer: perhaps nobody is there any more. */
  doubt(): void;
}

/** A backend that answers 1xx for ever must not hold a request for ever. */
const MAX_INTERIM = 32;

/** One request on an HTTP/2 connection to a backend. */
export class BackendStream implements Upstream, StreamEvents {
  readonly user: UpstreamUser;
  readonly #head = new ResponseHead();
  #home: BackendStreamHome | null = null;
  #isReused = false;
  #stream: Stream | null = null;
  #method = "";
  /** The request's head has ended its stream. */
  #isSent = false;
  #interim = 0;
  #isAnswered = false;
  /** Nobody uses it any more. */
  #isLeft = false;
  /** Why the answer is no valid one. */
  #fault = "";

  constructor(user: UpstreamUser) {
    this.user = user;
  }

  get isReused(): boolean {
    return this.#isReused;
  }

  get isOpen(): boolean {
    return this.#stream !== null;
  }

  get pendingBytes(): number {
    return this.#stream?.pendingBytes ?? 0;
  }

  /** It is to be on that connection, perhaps after a wait. */
  assign(home: BackendStreamHome): void {
    this.#home = home;
  }

  /** The stream is there: a request can be sent. `isReused`: its connection has served others. */
  opened(stream: Stream, isReused: boolean): void {
    this.#stream = stream;
    this.#isReused = isReused;
  }

  /** There will be no stream. */
  fail(reason: string): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.user.onUpstreamFailed(reason);
  }

  send(head: RequestHead, context: ForwardContext): boolean {
    const home = this.#home;
    if (home === null) return false;
    const encoder = home.encoder();
    this.#method = head.method;
    this.#isSent = head.framing === "none";
    encoder.request(head, context, home.scheme);
    this.#stream?.sendHead(encoder, this.#isSent);
    return true;
  }

  body(bytes: Buffer, start: number, end: number): void {
    this.#stream?.sendData(bytes, start, end);
  }

  endBody(trailers: Buffer): void {
    if (this.#isSent) return;
    this.#isSent = true;
    this.#stream?.sendEnd(trailers);
  }

  flush(): void {
    this.#home?.flush();
  }

  release(bytes: Buffer): void {
    // What has left the stream's queue was copied or sent.
    if (this.pendingBytes === 0) freeBytes(bytes);
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  done(): void {
    this.#isLeft = true;
    // The answer is whole; who still has something to say need not.
    if (this.#stream?.localEnded === false) this.#stream.reset(CANCEL);
  }

  drop(how: "close" | "abort"): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    if (this.#stream === null) {
      this.#home?.forgetWaiting(this);
      return;
    }
    const isUnanswered = !this.#isAnswered && !this.#stream.isClosed;
    this.#stream.reset(CANCEL);
    if (how === "abort" && isUnanswered) this.#home?.doubt();
  }

  takeOver(): BareConnection {
    throw new Error("a stream of HTTP/2 is no connection");
  }

  /** Reads a head of the answer; returns why it is malformed, or "". */
  readHead(stream: Stream, block: FieldBlock, endsStream: boolean): string {
    const head = this.#head;
    this.#fault = fillResponse(block, endsStream, this.#method, head);
    if (this.#fault !== "") return this.#fault;
    stream.hasHead = !head.informational;
    if (head.informational && ++this.#interim > MAX_INTERIM) {
      this.#fault = "more interim responses than a request may have";
    }
    const hasBody = !head.informational && head.framing === "length";
    stream.expectedBytes = hasBody ? head.contentLength : -1;
    return this.#fault;
  }

  onHead(): void {
    if (this.#isLeft) return;
    if (this.#head.informational) this.user.onInterim(this.#head);
    else {
      this.#isAnswered = true;
      this.user.onHead(this.#head);
    }
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isLeft || start === end) return;
    const stream = this.#stream;
    const isLast = stream !== null && stream.receivedBytes === stream.expectedBytes;
    this.user.onBody(bytes, start, end, isLast);
  }

  onEnd(trailers: Buffer): void {
    if (!this.#isLeft) this.user.onEnd(trailers);
  }

  onReset(code: number, neverProcessed: boolean): void {
    if (this.#isLeft) return;
    const answered = this.#interim > 0;
    if (this.#isAnswered) this.user.onBroken();
    else if (this.#fault !== "") this.user.onFault(this.#fault);
    else
      this.user.onLost({
        answered,
        unprocessed: neverProcessed,
        reason: `the stream was reset (code ${code})`,
      });
  }

  onDrain(): void {
    if (!this.#isLeft) this.user.onUpstreamDrain();
  }

  onTurn(): void {
    if (!this.#isLeft) this.user.onTurn();
  }
}
