import { newPickQuery } from "../../../core/balancing/pick.ts";
import type { Representation } from "../../../core/http/content-coding.ts";
import { RequestHead } from "../../../core/http/request-head.ts";
import { PROXY_ERROR_STATUS, type ProxyErrorCode } from "../../../core/wire/proxy-error.ts";
import type { Header, Plane } from "../context.ts";
import type { ProxyOptions } from "../options.ts";
import { RequestTrace } from "../tracing/request-trace.ts";
import { Delivery } from "../upstream/delivery.ts";
import { type Answer, problem, proxyError } from "./answers.ts";
import { ClientViews } from "./client-views.ts";
import { Deadlines } from "./deadlines.ts";
import { isDrainable } from "./drainable.ts";
import { Facts } from "./facts.ts";
import { RequestBody } from "./request-body.ts";
import type { CacheSide, ExchangeClient, UpstreamPool } from "./sides.ts";

/**
 * idle → deciding → (gathering →) (ready →) delivering → (tunnel →) idle, or → draining → idle after an early answer of our own.
 * The cache may hold it before or after. `#finish` always runs once; before it the delivery has settled its pick.
 */
type Phase = "idle" | "deciding" | "gathering" | "ready" | "held" | "delivering" | "tunnel" | "draining";

/** Looks at the body so far; returns false to be called again with more. */
export type GatherStep = (exchange: Exchange) => boolean;

const NO_HEADERS: readonly Header[] = [];

/** One request and its response. Those who decide about it answer through it or deliver it; it ends in one place. */
export class Exchange {
  readonly plane: Plane;
  readonly head = new RequestHead();
  readonly body: RequestBody;
  readonly query = newPickQuery();
  readonly facts = new Facts();
  delivery: Delivery;
  /** Added to the head towards the backend, and to any answer towards the client. */
  requestExtra: readonly Header[] = NO_HEADERS;
  responseExtra: readonly Header[] = NO_HEADERS;
  /** Protocol that the client may switch to, such as "websocket"; empty for none. */
  upgrade = "";
  /** Bytes of a response have been sent: from here on an error can only cut the stream. */
  responding = false;
  /** Bytes of the response's body that have been passed on. */
  bytesOut = 0;
  /** How the response goes on where that is not as the backend sent it, and how many bytes it has become. */
  readonly representation: Representation = { coding: "", etag: "", varies: false };
  codedBytes = 0;
  /** How much of the body was searched for a tier. */
  scannedBytes = 0;
  /** We have sent 100 ourselves, to see the body before the backend does. */
  continued = false;
  /** Null when nobody traces, or waits for an answer. */
  readonly trace: RequestTrace | null;
  readonly #views: ClientViews | null;
  /** The cache's part; null where it has none. */
  cache: CacheSide | null = null;
  /** The backend is asked for the whole, whatever part the client wants. */
  dropsConditions = false;
  #client: ExchangeClient | null = null;
  #phase: Phase = "idle";
  #step: GatherStep | null = null;
  #pool: UpstreamPool | null = null;
  #deadlines: Deadlines;
  /** What this was made for; others count once the configuration has changed. */
  #options: ProxyOptions;

  /** `hasClient`: somebody waits for the answers, so that they are coded, logged in full and traced. */
  constructor(plane: Plane, hasClient = true) {
    this.plane = plane;
    this.#options = plane.options;
    this.body = new RequestBody(plane.options.retries.bodyBytes);
    this.delivery = new Delivery(this);
    this.trace = plane.tracer === null || !hasClient ? null : new RequestTrace(this, plane.tracer);
    this.#views = hasClient ? ClientViews.of(this) : null;
    this.#deadlines = new Deadlines(plane.options.deadlines);
  }

  get client(): ExchangeClient {
    if (this.#client === null) throw new Error("the exchange has no client");
    return this.#client;
  }

  /** Takes the next bytes of the client as body, not as the next request. */
  get wantsBody(): boolean {
    return this.#phase !== "idle" && this.#phase !== "tunnel" && !this.body.complete;
  }

  /** Our own answer is out; only the rest of the request's body is still awaited. */
  get isAnswered(): boolean {
    return this.#phase === "draining";
  }

  get tunnelling(): boolean {
    return this.#phase === "tunnel";
  }

  /** Starts with a complete head; what becomes of it is decided by the caller. */
  begin(client: ExchangeClient): void {
    if (this.#options !== this.plane.options) this.#adapt();
    this.#client = this.#views === null ? client : this.#views.over(client);
    this.#phase = "deciding";
    this.facts.begin();
    this.trace?.reset();
    if (this.#deadlines.isOn) this.#deadlines.begin(performance.now());
    this.limitBody(Number.POSITIVE_INFINITY);
    this.responding = false;
    this.bytesOut = 0;
    this.continued = false;
    this.dropsConditions = false;
    this.upgrade = "";
    this.requestExtra = NO_HEADERS;
    this.responseExtra = NO_HEADERS;
    this.query.sticky = false;
    this.query.preferredRow = -1;
    this.query.located = false;
  }

  /** Sets how long the wait at hand may take; a later call replaces it. */
  arm(afterMs: number): void {
    this.client.arm(this.#deadlines.isOn ? this.#deadlines.wait(afterMs, performance.now()) : afterMs);
  }

  /** Bounds the body; false when its declared length is over the limit already. */
  limitBody(bytes: number): boolean {
    this.body.begin(this.head.framing === "none", this.head.contentLength, bytes);
    return this.body.fault === "none";
  }

  /** Takes bytes[start, end) of the body from the client, which then stands as `state` says. `owned`: nobody else has them. */
  takeBody(
    bytes: Buffer,
    start: number,
    end: number,
    state: "reading" | "done" | "broken",
    owned: boolean,
  ): void {
    const { body } = this;
    this.#views?.messages?.requestBody(bytes, start, end);
    body.take(bytes, start, end, owned);
    if (state === "broken") body.fault = "malformed";
    else if (state === "done" && body.fault === "none") body.complete = true;
    if (this.#phase === "draining") this.#drainOn();
    else if (body.fault !== "none") this.#refuseBody();
    else if (this.#phase === "gathering") this.#stepOn();
    else if (this.#phase === "ready") this.#start();
    else if (this.#phase === "delivering") this.delivery.onRequestBody();
  }

  /** Holds the body and calls `step` now and with each piece until it returns true; it then goes on by itself. */
  gather(step: GatherStep): void {
    if (this.head.expectContinue && !this.body.complete) this.sayContinue();
    this.#phase = "gathering";
    this.#step = step;
    this.arm(this.plane.options.requestTimeoutMs);
    this.#stepOn();
  }

  /** Has a client that asked for leave to send its body do so. */
  sayContinue(): void {
    this.continued = true;
    this.client.sayContinue();
  }

  /** Sends the request to a backend of the picker's choice, or with `pool` there and nowhere else. */
  deliver(pool: UpstreamPool | null = null): void {
    this.#pool = pool;
    // Body bytes that came with the head go out with it, and a malformed one is seen before any backend hears of it.
    const waits = this.#phase === "deciding" && !this.body.complete && this.client.hasMore;
    this.#phase = "ready";
    if (!waits) this.#start();
  }

  /** Leaves it to the cache, which answers later, or delivers it after all. */
  hold(): void {
    this.#phase = "held";
  }

  /** Answers in place of a backend and ends the exchange. `code` is for the log. */
  answer(answer: Answer, code = ""): void {
    if (this.responding) {
      this.truncate();
      return;
    }
    const { head, body, client, plane } = this;
    this.delivery.release();
    const drains = !body.complete && isDrainable(this);
    const keepAlive = head.keepAlive && (body.complete || drains) && !plane.draining && !client.leaving;
    const reply = {
      status: answer.status,
      headers: this.responseExtra.length === 0 ? answer.headers : [...answer.headers, ...this.responseExtra],
      body: answer.body,
      date: plane.date.at(Date.now()),
      omitBody: head.method === "HEAD",
    };
    client.respond(reply, keepAlive);
    this.responding = true;
    this.facts.answered(answer.status, code);
    this.bytesOut = reply.omitBody ? 0 : Buffer.byteLength(answer.body);
    if (!keepAlive || !drains) {
      this.#finish(keepAlive);
      return;
    }
    this.#phase = "draining";
    body.discard();
    client.resumeBody();
    this.arm(plane.options.headTimeoutMs);
  }

  /** Answers with an error: short text on proxied paths, a problem on management paths. */
  refuse(code: ProxyErrorCode, extra: readonly Header[] = NO_HEADERS, reason = ""): void {
    this.facts.reason = reason;
    if (this.cache !== null && !this.responding && this.cache.replaces(code)) return;
    // A client that was too slow once is not waited for again.
    if (code === "slow_request") this.head.keepAlive = false;
    const error = proxyError(code, PROXY_ERROR_STATUS[code], extra);
    if (!this.facts.management) this.answer(error, code);
    else this.answer(problem(error.status, code.replaceAll("_", " "), error.body.trim(), extra), code);
  }

  /** The client is gone: nobody is to blame but it, and nothing must look complete to the backend. */
  abandon(): void {
    if (this.#phase === "idle" || this.#phase === "tunnel") return;
    if (this.isAnswered) {
      this.#finish(false);
      return;
    }
    this.delivery.release();
    this.facts.left(this.responding);
    this.#finish(false);
  }

  /** The response cannot be completed: the client must notice. With `stalled` it does not even take what there is. */
  truncate(stalled = false): void {
    const { client } = this;
    this.delivery.release();
    this.facts.truncated = true;
    this.#end();
    client.cut(stalled);
  }

  /** The response has been passed on whole. */
  completed(keepAlive: boolean): void {
    this.#finish(keepAlive);
  }

  /** The connection has become a tunnel. */
  tunnel(): void {
    this.#phase = "tunnel";
    this.responding = true;
    this.facts.answered(101, "");
  }

  tunnelEnded(bytesIn: number, bytesOut: number): void {
    this.delivery.release();
    this.facts.tunnelled(bytesIn, bytesOut);
    this.plane.count("tunnels_closed");
    this.#end();
  }

  onTimeout(): void {
    if (this.#deadlines.isOn && !this.#isDue()) return;
    if (this.#phase === "gathering") this.refuse("slow_request");
    else if (this.#phase === "draining") this.#finish(false);
    else if (this.#phase === "delivering") this.delivery.onTimeout();
    else if (this.#phase === "held") this.cache?.onTimeout();
  }

  /** The client has taken all that waited for it. */
  onClientDrain(): void {
    if (this.#phase === "delivering") this.delivery.onClientDrain();
    else if (this.#phase === "held") this.cache?.onClientDrain();
  }

  /** The configuration has changed since the last request. */
  #adapt(): void {
    const { options } = this.plane;
    this.#options = options;
    this.body.replayBytes = options.retries.bodyBytes;
    this.delivery = new Delivery(this);
    this.#deadlines = new Deadlines(options.deadlines);
  }

  /** Looks at the deadlines beside the wait at hand; false when that is not over, or the exchange is. */
  #isDue(): boolean {
    const { client, body } = this;
    const { verdict, againMs } = this.#deadlines.look(performance.now(), {
      bytes: body.received + this.bytesOut - client.pendingBytes,
      waitsForClient: client.pendingBytes > 0 || (this.wantsBody && this.#takesBody),
    });
    if (verdict === "due") return true;
    if (verdict === "wait") client.arm(againMs);
    else if (this.isAnswered) this.#finish(false);
    else if (this.responding) this.truncate(verdict === "slow");
    else this.refuse(verdict === "slow" ? "slow_request" : "total_timeout");
    return false;
  }

  get #takesBody(): boolean {
    return this.#phase === "gathering" || this.#phase === "draining" || this.delivery.takesBody;
  }

  #start(): void {
    this.#phase = "delivering";
    this.delivery.start(this.#pool);
  }

  #stepOn(): void {
    const step = this.#step;
    if (step === null) return;
    this.#step = null;
    if (!step(this)) this.#step = step;
  }

  #drainOn(): void {
    this.body.discard();
    if (this.body.complete) this.#finish(true);
    else if (this.body.fault !== "none") this.#finish(false);
  }

  #refuseBody(): void {
    if (this.body.fault === "too_large") this.refuse("body_too_large");
    else this.refuse("bad_request", NO_HEADERS, "the chunked body is malformed");
  }

  #finish(keepAlive: boolean): void {
    const { client } = this;
    this.#end();
    client.ended(keepAlive);
  }

  #end(): void {
    this.#views?.messages?.write();
    this.facts.record(this);
    this.trace?.end();
    this.#phase = "idle";
    this.#step = null;
    this.#client = null;
    this.body.discard();
    this.head.reset();
    const { cache } = this;
    this.cache = null;
    cache?.ended();
  }
}
