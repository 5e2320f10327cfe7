import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { fillForward } from "../exchange/forwarding.ts";
import type { Loss, Upstream, UpstreamPool, UpstreamUser } from "../exchange/sides.ts";
import { openTunnel, tunnelFault } from "../exchange/tunnel.ts";
import { HIGH_WATER_BYTES } from "../net/socket.ts";
import { guarded } from "../thread/faults.ts";
import { Choice } from "./choice.ts";
import { type Refused, refusePick } from "./choosing.ts";
import { Gatherer } from "./gatherer.ts";
import { mayResend, Retries } from "./retries.ts";

type Phase = "idle" | "pausing" | "connecting" | "waiting" | "relaying";

/** A connection that turns out to be stale says nothing about its backend; that many in a row do. */
const MAX_STALE = 3;

/** The backend's side of an exchange: pick, connect, send, take the answer; again on another backend if due. */
export class Delivery implements UpstreamUser {
  readonly choice: Choice;
  readonly #exchange: Exchange;
  /** Null when streamed bytes go on as they come. */
  readonly #gatherer: Gatherer | null;
  #phase: Phase = "idle";
  #upstream: Upstream | null = null;
  #pool: UpstreamPool | null = null;
  readonly #retries: Retries;
  /** Connections on which the request met nothing but their end, as they had been idle for too long. */
  #stale = 0;
  #pause: ReturnType<typeof setTimeout> | null = null;
  /** The body may be held back for a while. */
  #gathers = false;
  #bodyLeft = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.choice = new Choice(exchange);
    this.#retries = new Retries(exchange);
    const { gatherMs } = exchange.plane.options;
    this.#gatherer = gatherMs > 0 ? new Gatherer(gatherMs, (bytes) => this.#passGathered(bytes)) : null;
  }

  begin(): void {
    const { client, plane } = this.#exchange;
    this.choice.begin();
    this.#retries.begin();
    this.#stale = 0;
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
    const upstream = pool.open(this, fresh);
    this.#upstream = upstream;
    this.#exchange.plane.count(upstream.isReused ? "upstream_reuses" : "upstream_connects");
    if (upstream.isOpen) this.#send(upstream);
    else this.onRequestBody();
  }

  /** More of the request's body has arrived. */
  onRequestBody(): void {
    const { body, client } = this.#exchange;
    const upstream = this.#upstream;
    if (upstream === null || this.#phase === "connecting") {
      if (body.unsentBytes > HIGH_WATER_BYTES) client.pauseBody();
      return;
    }
    body.send(upstream);
    upstream.flush();
    if (upstream.pendingBytes > HIGH_WATER_BYTES) client.pauseBody();
    this.#watch();
  }

  /** Frees bytes that were body and nothing else, if they were sent and need not be sent again. */
  releaseBody(chunk: Buffer): void {
    if (this.#exchange.body.isEmpty) this.#upstream?.release(chunk);
  }

  /** Lets go of backend and capacity, wherever the delivery is; a half-sent request is reset, not ended. */
  release(): void {
    const upstream = this.#upstream;
    this.#upstream = null;
    this.#pool = null;
    const isSent = this.#phase === "relaying" && this.#exchange.body.complete;
    upstream?.drop(isSent ? "close" : "abort");
    this.#phase = "idle";
    this.#gatherer?.clear();
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    this.choice.settle();
    this.#retries.end();
  }

  onTimeout(): void {
    const exchange = this.#exchange;
    if (this.#phase === "relaying") {
      const stalled = exchange.client.pendingBytes > 0;
      if (!stalled) exchange.plane.count("upstream_timeouts");
      exchange.truncate(stalled);
      return;
    }
    // An unfinished body that the backend would have taken is the client's delay.
    const waitsForClient =
      this.#phase === "waiting" && !exchange.body.complete && this.#upstream?.pendingBytes === 0;
    if (!waitsForClient) {
      exchange.plane.count("upstream_timeouts");
      exchange.facts.attemptFailed("no answer in time");
      if (this.#phase === "connecting") this.choice.fail("connect_failure");
      else if (this.#phase === "waiting") this.choice.fail("failure");
    }
    exchange.refuse(waitsForClient ? "slow_request" : "gateway_timeout");
  }

  onClientDrain(): void {
    if (this.#phase !== "relaying") return;
    this.#upstream?.resume();
    this.#watch();
  }

  onUpstreamOpen(): void {
    if (this.#upstream !== null) this.#send(this.#upstream);
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
    this.choice.fail("connect_failure");
    this.forward();
  }

  onUpstreamDrain(): void {
    if (this.#phase !== "waiting" && this.#phase !== "relaying") return;
    this.#exchange.client.resumeBody();
    this.#watch();
  }

  onInterim(response: ResponseHead): void {
    const exchange = this.#exchange;
    exchange.body.giveUpReplay();
    // 100 goes to those who wait for it.
    const isWanted = response.status !== 100 || (exchange.head.expectContinue && !exchange.continued);
    if (isWanted) exchange.client.interim(response);
  }

  onHead(response: ResponseHead): void {
    const exchange = this.#exchange;
    const { client, facts } = exchange;
    this.choice.heard(response.status);
    if (exchange.plane.options.retries.statuses.has(response.status) && this.#isRetried(response.status))
      return;
    exchange.body.giveUpReplay();
    if (response.status === 101) {
      this.#switchProtocols(response);
      return;
    }
    if (!client.begin(response)) {
      this.#badAnswer("the head of the response is too large");
      return;
    }
    exchange.responding = true;
    facts.answered(response.status, "");
    this.#phase = "relaying";
    this.#bodyLeft = response.framing === "length" ? response.contentLength : 0;
    this.#gathers = this.#gatherer !== null && this.#bodyLeft > 0 && !response.isEventStream;
  }

  onBody(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const exchange = this.#exchange;
    // Capacity goes back before the client has the end: else its next request, in another worker, could find none.
    if (isLast) this.choice.settle();
    exchange.bytesOut += end - start;
    if (this.#gathers && this.#gatherer !== null) {
      this.#bodyLeft -= end - start;
      this.#gatherer.add(bytes.subarray(start, end), this.#bodyLeft === 0);
    } else exchange.client.body(bytes, start, end);
  }

  onEnd(trailers: Buffer): void {
    const exchange = this.#exchange;
    const { client, body } = exchange;
    const upstream = this.#upstream;
    this.#gatherer?.flush();
    this.choice.settle();
    client.endBody(trailers);
    client.flush();
    this.#upstream = null;
    upstream?.done(body.complete);
    this.release();
    exchange.completed(body.complete);
  }

  onTurn(): void {
    const { client } = this.#exchange;
    if (this.#phase !== "relaying") return;
    client.flush();
    if (client.pendingBytes > HIGH_WATER_BYTES) this.#upstream?.pause();
    this.#watch();
  }

  onConsumed(chunk: Buffer): void {
    if (this.#phase === "relaying" && !this.#gathers) this.#exchange.client.release(chunk);
  }

  onLost(loss: Loss): void {
    const exchange = this.#exchange;
    const upstream = this.#upstream;
    this.#upstream = null;
    upstream?.drop("abort");
    if (!loss.answered && this.#isStale(upstream, loss)) return;
    exchange.facts.attemptFailed(loss.reason);
    const { row } = this.choice.pick;
    this.choice.fail("failure");
    const delayMs = loss.answered || exchange.facts.management ? -1 : this.#retries.take(row);
    const chosen = delayMs < 0 ? null : this.choice.next();
    if (chosen === null || typeof chosen === "string") this.#badAnswer(loss.reason);
    else this.#sendAgain(chosen, delayMs);
  }

  onFault(fault: string): void {
    this.choice.failed("failure");
    this.#badAnswer(fault);
  }

  onBroken(): void {
    this.choice.failed("failure");
    this.#gatherer?.flush();
    this.#exchange.client.flush();
    this.#exchange.truncate();
  }

  #send(upstream: Upstream): void {
    const exchange = this.#exchange;
    const { forward } = exchange.plane;
    fillForward(exchange, forward);
    if (!upstream.send(exchange.head, forward)) {
      exchange.refuse("header_too_large");
      return;
    }
    this.choice.use();
    exchange.body.send(upstream);
    upstream.flush();
    this.#phase = "waiting";
    if (upstream.pendingBytes <= HIGH_WATER_BYTES) exchange.client.resumeBody();
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

  /**
   * Sends a request once more that met a connection which its backend was closing, or that the backend has not looked at:
   * neither says anything about the backend, so that it is asked again.
   */
  #isStale(upstream: Upstream | null, loss: Loss): boolean {
    const exchange = this.#exchange;
    const pool = this.#pool;
    const isInnocent = loss.unprocessed
      ? exchange.body.replayable
      : (upstream?.isReused === true || exchange.facts.management) && mayResend(exchange);
    if (!isInnocent || pool === null || this.#stale >= MAX_STALE) return false;
    this.#stale++;
    exchange.plane.count("stale_connections");
    exchange.body.rewind();
    this.reach(pool, true);
    return true;
  }

  /** Sends the request to another backend in place of an answer that is not to be passed on, if there is one. */
  #isRetried(status: number): boolean {
    if (this.#exchange.facts.management) return false;
    const delayMs = this.#retries.take(this.choice.pick.row);
    const pool = delayMs < 0 ? null : this.choice.instead();
    if (pool === null) return false;
    this.#exchange.facts.attemptFailed(`status ${status}`);
    const upstream = this.#upstream;
    this.#upstream = null;
    upstream?.drop("close");
    this.#sendAgain(pool, delayMs);
    return true;
  }

  #sendAgain(pool: UpstreamPool, delayMs: number): void {
    this.#exchange.body.rewind();
    this.#pool = pool;
    this.#stale = 0;
    this.#phase = "pausing";
    this.#pause = setTimeout(() => {
      this.#pause = null;
      guarded(() => this.reach(pool, false));
    }, delayMs);
  }

  /** Passes on what was held back, also at a time when the backend has sent nothing. */
  #passGathered(bytes: Buffer): void {
    this.#exchange.client.body(bytes, 0, bytes.length);
    this.onTurn();
  }

  #switchProtocols(response: ResponseHead): void {
    const exchange = this.#exchange;
    const upstream = this.#upstream;
    const fault = tunnelFault(exchange.head, exchange.upgrade, response);
    if (fault !== "" || upstream === null) {
      this.#badAnswer(fault);
      return;
    }
    this.#upstream = null;
    this.#phase = "idle";
    if (!openTunnel(exchange, response, upstream)) upstream.drop("abort");
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
