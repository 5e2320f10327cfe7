import type { ClientAddress } from "../../../core/http/forwarded.ts";
import type { Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import * as frame from "../../../core/http2/frame.ts";
import type { Stream, StreamEvents } from "../../../core/http2/stream.ts";
import type { Door } from "../context.ts";
import { proxyError } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { bodyFraming, fillInterim, fillResponse } from "../exchange/forwarding.ts";
import type { BareConnection, ExchangeClient } from "../exchange/sides.ts";
import { freeBytes } from "../net/free-bytes.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import type { ClientSession } from "./client-session.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/** One stream of a client, which is the client of one exchange. */
export class ClientStream implements ExchangeClient, StreamEvents, TimerOwner {
  readonly #session: ClientSession;
  readonly #stream: Stream;
  readonly #timer = new WheelTimer(this);
  /** Null when it is over. */
  #exchange: Exchange | null;
  /** The head of the response has ended the stream. */
  #isEnded = false;

  constructor(session: ClientSession, stream: Stream, exchange: Exchange) {
    this.#session = session;
    this.#stream = stream;
    this.#exchange = exchange;
  }

  get door(): Door {
    return this.#session.door;
  }

  get peerAddress(): string {
    return this.#session.peerAddress;
  }

  get identity(): ClientAddress {
    return this.#session.identity;
  }

  get leaving(): boolean {
    return false;
  }

  get hasMore(): boolean {
    return false;
  }

  get pendingBytes(): number {
    return this.#stream.pendingBytes;
  }

  arm(afterMs: number): void {
    this.#session.home.plane.wheel.arm(this.#timer, afterMs);
  }

  pauseBody(): void {
    this.#stream.pause();
  }

  resumeBody(): void {
    this.#stream.resume();
  }

  sayContinue(): void {
    const { encoder } = this.#session.session;
    encoder.interim(100);
    this.#stream.sendHead(encoder, false);
    this.flush();
  }

  interim(response: ResponseHead): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const { encoder } = this.#session.session;
    fillInterim(exchange, false);
    encoder.response(response, exchange.plane.respond);
    this.#stream.sendHead(encoder, false);
    this.flush();
  }

  begin(response: ResponseHead): boolean {
    const exchange = this.#exchange;
    if (exchange === null) return false;
    const { encoder } = this.#session.session;
    const source = bodyFraming(exchange, response);
    const framing = source === "close" ? "chunked" : source;
    fillResponse(exchange, response, framing, true);
    encoder.response(response, exchange.plane.respond);
    // Who speaks gRPC tells an answer that is all trailers by that.
    this.#isEnded = framing === "none";
    this.#stream.sendHead(encoder, this.#isEnded);
    return true;
  }

  body(bytes: Buffer, start: number, end: number): void {
    this.#stream.sendData(bytes, start, end);
  }

  endBody(trailers: Buffer): void {
    if (this.#isEnded) return;
    // Trailers go to those who asked for them (RFC 9110 section 6.5.1).
    this.#stream.sendEnd(this.#exchange?.head.teTrailers === true ? trailers : NOTHING);
  }

  flush(): void {
    this.#session.home.plane.out.flush();
  }

  release(bytes: Buffer): void {
    // What has left the stream's queue was copied or sent.
    if (this.#stream.pendingBytes === 0) freeBytes(bytes);
  }

  respond(reply: Reply): void {
    const { encoder } = this.#session.session;
    const isBodyless = reply.status === 204 || reply.status === 304;
    const body = typeof reply.body === "string" ? Buffer.from(reply.body, "utf8") : Buffer.from(reply.body);
    const isEmpty = isBodyless || reply.omitBody === true || body.length === 0;
    encoder.reply(reply, isBodyless ? -1 : body.length);
    this.#stream.sendHead(encoder, isEmpty);
    if (!isEmpty) {
      this.#stream.sendData(body, 0, body.length);
      this.#stream.sendEnd(NOTHING);
    }
    this.flush();
  }

  ended(): void {
    this.#stream.abandonUpload(frame.NO_ERROR);
    this.flush();
    this.#leave();
    // What the client has not taken yet is its own to take, but not for ever.
    if (this.#stream.pendingBytes > 0) this.arm(this.#session.home.plane.options.streamIdleMs);
  }

  cut(stalled: boolean): void {
    this.#stream.reset(stalled ? frame.CANCEL : frame.INTERNAL_ERROR);
    this.#leave();
  }

  switchProtocols(): BareConnection | null {
    return null;
  }

  onHead(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const { head } = exchange;
    const { rejection } = head;
    if (rejection === null) {
      exchange.begin(this);
      this.#session.home.dispatch(exchange);
      return;
    }
    head.method = "-";
    head.target = "-";
    head.framing = "none";
    exchange.begin(this);
    exchange.plane.count("requests_rejected");
    exchange.facts.clientIp = this.identity.ip;
    exchange.facts.reason = rejection.reason;
    exchange.answer(proxyError(rejection.code, rejection.status), rejection.code);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange?.wantsBody === true) exchange.takeBody(bytes, start, end, "reading", false);
  }

  onEnd(): void {
    const exchange = this.#exchange;
    if (exchange?.wantsBody === true) exchange.takeBody(NOTHING, 0, 0, "done", true);
  }

  onReset(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    exchange.abandon();
    // `abandon` ends with `ended`, unless the exchange was over already.
    if (this.#exchange !== null) this.#leave();
  }

  onDrain(): void {
    this.#exchange?.onClientDrain();
  }

  onTurn(): void {
    // What the exchange has written it has flushed.
  }

  onTimer(): void {
    if (this.#exchange === null) this.#stream.reset(frame.CANCEL);
    else this.#exchange.onTimeout();
  }

  #leave(): void {
    const exchange = this.#exchange;
    const { home } = this.#session;
    this.#exchange = null;
    home.plane.wheel.cancel(this.#timer);
    if (exchange !== null) home.giveBack(exchange);
  }
}
