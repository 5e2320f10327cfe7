import { writeRequestHead } from "../../../core/http/forward-request.ts";
import { writeResponseHead } from "../../../core/http/forward-response.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { fillForward, fillResponse } from "../exchange/forwarding.ts";
import { openTunnel, tunnelFault } from "../exchange/tunnel.ts";
import { HIGH_WATER_BYTES } from "../net/socket.ts";
import { Choice } from "./choice.ts";
import { type Refused, refusePick } from "./choosing.ts";
import { Gatherer } from "./gatherer.ts";
import { mayResend } from "./resend.ts";
import { ResponseReader } from "./response-reader.ts";
import { ResponseRelay } from "./response-relay.ts";
import type { Upstream, UpstreamUser } from "./upstream.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

type Phase = "idle" | "connecting" | "waiting" | "relaying";

/** The backend's side of an exchange: pick, connect, send, read the head, relay; again on another backend if due. */
export class Delivery implements UpstreamUser {
  /** Capacity goes back before the client has the end: else its next request, in another worker, could find none. */
  readonly relay = new ResponseRelay(() => this.choice.settle());
  readonly choice: Choice;
  readonly #exchange: Exchange;
  readonly #reader = new ResponseReader();
  /** Null when streamed bytes go on as they come. */
  readonly #gatherer: Gatherer | null;
  #phase: Phase = "idle";
  #upstream: Upstream | null = null;
  #pool: UpstreamPool | null = null;
  /** The request was sent once and failed without an answer; there is no third time. */
  #resent = false;
  /** The backend has begun to answer: what it was sent has been acted on. */
  #answered = false;
  #keepAlive = false;
  /** The connection had served a request before this one. */
  #reused = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.choice = new Choice(exchange);
    const { gatherMs } = exchange.plane.options;
    this.#gatherer = gatherMs > 0 ? new Gatherer(gatherMs, (bytes) => this.#pass(bytes)) : null;
  }

  /** Head of the backend's answer, once there is one. */
  get response(): ResponseHead {
    return this.#reader.head;
  }

  begin(): void {
    const { client, plane } = this.#exchange;
    this.choice.begin();
    this.#resent = false;
    // Bounds all attempts together; replaced when the request has been sent.
    client.arm(plane.options.requestTimeoutMs);
  }

  /** Chooses a backend and sends the request there. */
  forward(): void {
    const chosen = this.choice.next();
    if (typeof chosen === "string") this.#refusePick(chosen);
    else this.reach(chosen, false);
  }

  /** Sends the request over that pool; with `fresh` never on a used connection. */
  reach(pool: UpstreamPool, fresh: boolean): void {
    this.#phase = "connecting";
    this.#pool = pool;
    const idle = fresh ? null : pool.take(this);
    this.#exchange.plane.count(idle === null ? "upstream_connects" : "upstream_reuses");
    this.#upstream = idle ?? pool.connect(this);
    if (idle !== null) this.#sendRequest(idle);
    else this.onBody();
  }

  /** More of the request's body has arrived. */
  onBody(): void {
    const { body, client, plane } = this.#exchange;
    const upstream = this.#upstream;
    if (this.#phase === "connecting" || upstream === null) {
      if (body.unsentBytes > HIGH_WATER_BYTES) client.pauseBody();
      return;
    }
    plane.out.begin();
    body.send(plane.out, upstream.socket);
    plane.out.flush(upstream.socket);
    if (upstream.socket.pendingBytes > HIGH_WATER_BYTES) client.pauseBody();
    this.#watch();
  }

  /** Frees bytes that were body and nothing else, if they were sent and need not be sent again. */
  releaseBody(chunk: Buffer): void {
    if (this.#exchange.body.isEmpty) this.#upstream?.socket.release(chunk);
  }

  /** Lets go of backend and capacity, wherever the delivery is; a half-sent request is reset, not ended. */
  release(): void {
    const { body } = this.#exchange;
    const upstream = this.#upstream;
    this.#upstream = null;
    this.#pool = null;
    if (upstream !== null) upstream.drop(this.#phase !== "relaying" || !body.complete ? "abort" : "close");
    this.#phase = "idle";
    this.#reader.reset();
    this.#gatherer?.clear();
    this.choice.settle();
  }

  onTimeout(): void {
    const exchange = this.#exchange;
    if (this.#phase === "relaying") {
      const stalled = exchange.client.socket.pendingBytes > 0;
      if (!stalled) exchange.plane.count("upstream_timeouts");
      exchange.truncate(stalled);
      return;
    }
    // An unfinished body that the backend would have taken is the client's delay.
    const waitsForClient =
      this.#phase === "waiting" && !exchange.body.complete && this.#upstream?.socket.pendingBytes === 0;
    if (!waitsForClient) exchange.plane.count("upstream_timeouts");
    exchange.refuse(waitsForClient ? "slow_request" : "gateway_timeout");
  }

  onClientDrain(): void {
    if (this.#phase !== "relaying") return;
    this.#upstream?.socket.resume();
    this.#watch();
  }

  onUpstreamOpen(): void {
    if (this.#upstream !== null) this.#sendRequest(this.#upstream);
  }

  onUpstreamFailed(reason: string): void {
    const exchange = this.#exchange;
    this.#upstream = null;
    exchange.plane.count("upstream_connect_failures");
    if (exchange.facts.management) {
      exchange.refuse("bad_gateway", [], "the control plane does not accept connections");
      return;
    }
    exchange.facts.attemptFailed(`no connection (${reason})`);
    this.choice.fail();
    this.forward();
  }

  onUpstreamData(chunk: Buffer): void {
    if (this.#phase === "waiting") this.#readHeads(chunk);
    else if (this.#phase !== "relaying") return;
    else if (this.#gatherer === null || this.#passesAtOnce) {
      const { client } = this.#exchange;
      const goesOn = this.#pass(chunk);
      if (goesOn) client.socket.release(chunk);
    } else this.#gatherer.add(chunk, this.relay.remaining);
  }

  onUpstreamEnd(): void {
    this.#gatherer?.flush();
    if (this.#phase === "waiting") {
      this.#lost();
    } else if (this.#phase === "relaying") {
      const { plane, client } = this.#exchange;
      this.response.keepAlive = false;
      plane.out.begin();
      this.relay.end(plane.out, client.socket);
      this.#relayOn();
    }
  }

  onUpstreamDrain(): void {
    if (this.#phase !== "waiting" && this.#phase !== "relaying") return;
    this.#exchange.client.resumeBody();
    this.#watch();
  }

  onUpstreamClose(clean: boolean): void {
    this.#upstream = null;
    if (this.#phase === "waiting") this.#lost();
    else if (this.#phase === "relaying" && clean) this.onUpstreamEnd();
    else if (this.#phase === "relaying") this.#exchange.truncate();
  }

  get #passesAtOnce(): boolean {
    return this.response.isEventStream || this.relay.remaining === Number.POSITIVE_INFINITY;
  }

  #sendRequest(upstream: Upstream): void {
    const exchange = this.#exchange;
    const { out, forward } = exchange.plane;
    fillForward(exchange, forward);
    out.begin();
    const length = writeRequestHead(exchange.head, forward, out.bytes, 0);
    if (length < 0) {
      exchange.refuse("header_too_large");
      return;
    }
    out.length = length;
    this.choice.use();
    exchange.body.send(out, upstream.socket);
    out.flush(upstream.socket);
    this.#phase = "waiting";
    this.#reused = upstream.reused;
    this.#reader.reset();
    this.#answered = false;
    if (upstream.socket.pendingBytes <= HIGH_WATER_BYTES) exchange.client.resumeBody();
    this.#watch();
  }

  /** Arms the deadline that fits: silence of a body, or the time to the first byte once the request is out. */
  #watch(): void {
    const { client, body, plane, facts } = this.#exchange;
    // Management is small: from its head to its answer it has as long as any request has for its answer.
    if (facts.management && this.#phase === "waiting") return;
    const awaitsAnswer = this.#phase === "waiting" && body.complete;
    client.arm(awaitsAnswer ? plane.options.requestTimeoutMs : plane.options.streamIdleMs);
  }

  #readHeads(chunk: Buffer): void {
    const exchange = this.#exchange;
    this.#answered = true;
    exchange.body.giveUpReplay();
    const state = this.#reader.read(exchange, chunk);
    if (state === "more") return;
    const { bytes, start, end } = this.#reader.rest;
    if (state === "fault") this.#badAnswer(this.#reader.fault);
    else if (this.response.status === 101) this.#switchProtocols(bytes.subarray(start, end));
    else this.#startResponse(bytes, start, end);
  }

  #startResponse(bytes: Buffer, at: number, limit: number): void {
    const exchange = this.#exchange;
    const { head, body, client, plane, facts } = exchange;
    this.relay.begin(this.response, head.minor, head.teTrailers);
    // What came with the head is looked at before it: nothing has been passed on, so that the client can be told.
    if (this.relay.isBrokenIn(bytes, at, limit)) {
      this.#badAnswer("the chunked body is malformed");
      return;
    }
    const open = body.complete && head.keepAlive && !plane.draining && !client.leaving;
    this.#keepAlive = open && this.relay.framing !== "close";
    fillResponse(exchange, plane.respond, this.#keepAlive);
    plane.out.begin();
    const length = writeResponseHead(this.response, plane.respond, plane.out.bytes, 0);
    if (length < 0) {
      this.#badAnswer("the response head is too large");
      return;
    }
    plane.out.length = length;
    exchange.responding = true;
    facts.answered(this.response.status, "");
    this.#phase = "relaying";
    this.relay.take(bytes, at, limit, plane.out, client.socket);
    this.#relayOn();
  }

  /** Passes a piece on; false when that was the end of the response, one way or another. */
  #pass(bytes: Buffer): boolean {
    const { plane, client } = this.#exchange;
    plane.out.begin();
    this.relay.take(bytes, 0, bytes.length, plane.out, client.socket);
    return this.#relayOn();
  }

  #relayOn(): boolean {
    const { plane, client } = this.#exchange;
    plane.out.flush(client.socket);
    if (this.relay.broken) this.#exchange.truncate();
    else if (this.relay.done) this.#complete();
    else {
      if (client.socket.pendingBytes > HIGH_WATER_BYTES) this.#upstream?.socket.pause();
      this.#watch();
      return true;
    }
    return false;
  }

  #complete(): void {
    const exchange = this.#exchange;
    const upstream = this.#upstream;
    if (upstream !== null && this.#isReusable(upstream)) {
      this.#upstream = null;
      this.#pool?.giveBack(upstream);
    }
    const keepAlive = this.#keepAlive && exchange.body.complete;
    this.release();
    exchange.completed(keepAlive);
  }

  #isReusable(upstream: Upstream): boolean {
    const { response, relay } = this;
    const clean = response.keepAlive && !relay.overrun && !response.authenticatesConnection;
    return clean && this.#exchange.body.complete && upstream.socket.pendingBytes === 0;
  }

  #switchProtocols(early: Buffer): void {
    const exchange = this.#exchange;
    const upstream = this.#upstream;
    const fault = tunnelFault(exchange.head, exchange.upgrade, this.response);
    if (fault !== "" || upstream === null) {
      this.#badAnswer(fault);
      return;
    }
    this.#upstream = null;
    this.#phase = "idle";
    openTunnel(exchange, this.response, upstream, early);
  }

  /** The connection ended before the head of the answer was complete. */
  #lost(): void {
    const exchange = this.#exchange;
    const { body, plane, facts } = exchange;
    this.#upstream?.drop("abort");
    this.#upstream = null;
    const pool = this.#pool;
    const again = !this.#answered && !this.#resent && mayResend(exchange);
    if (!again || pool === null) {
      this.#badAnswer("the connection ended before the answer");
      return;
    }
    this.#resent = true;
    body.rewind();
    plane.count("retries");
    if (this.#reused || facts.management) {
      // Most likely closed by the backend as idle while the request was on its way; that says nothing about its health.
      this.reach(pool, true);
      return;
    }
    facts.attemptFailed("connection lost");
    this.choice.fail();
    this.forward();
  }

  #badAnswer(fault: string): void {
    this.#exchange.plane.count("upstream_failures");
    this.#exchange.refuse("bad_gateway", [], fault);
  }

  #refusePick(status: Refused): void {
    const exchange = this.#exchange;
    if (this.choice.hasFailed) {
      exchange.refuse(
        "bad_gateway",
        [],
        `no backend accepted the request; the last: ${exchange.facts.reason}`,
      );
    } else refusePick(exchange, status);
  }
}
