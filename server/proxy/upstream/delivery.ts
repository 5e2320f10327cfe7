import type { ResponseHead } from "../../../core/http/response-head.ts";
import { retryAfter } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { fillForward } from "../exchange/forwarding.ts";
import type { Loss, Upstream, UpstreamPool } from "../exchange/sides.ts";
import { openTunnel, tunnelFault } from "../exchange/tunnel.ts";
import { isOutOfDescriptors } from "../net/descriptors.ts";
import { HIGH_WATER_BYTES } from "../net/socket.ts";
import { Attempts, type AttemptUser } from "./attempts.ts";
import type { Choice } from "./choice.ts";
import { Expectation } from "./expectation.ts";
import { Gatherer } from "./gatherer.ts";

/** Descriptors come back as soon as anybody leaves. */
const DESCRIPTORS_RETRY_MS = 1000;

/** seeking: there is no connection to a backend (yet). taken: the cache answers once the backend has done. */
type Phase = "idle" | "seeking" | "connecting" | "waiting" | "relaying" | "taken";

/** The backend's side of an exchange: pick, connect, send, take the answer; again on another backend if due. */
export class Delivery implements AttemptUser {
  readonly #attempts: Attempts;
  readonly #expectation: Expectation;
  readonly #exchange: Exchange;
  /** Null when streamed bytes go on as they come. */
  readonly #gatherer: Gatherer | null;
  #phase: Phase = "idle";
  #upstream: Upstream | null = null;
  /** The body may be held back for a while. */
  #gathers = false;
  #bodyLeft = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#attempts = new Attempts(exchange, this);
    this.#expectation = new Expectation(exchange);
    const { gatherMs } = exchange.plane.options;
    this.#gatherer = gatherMs > 0 ? new Gatherer(gatherMs, (bytes) => this.#passGathered(bytes)) : null;
  }

  /** What was chosen, and is held on it. */
  get choice(): Choice {
    return this.#attempts.choice;
  }

  /** Sends the request to a backend of the picker's choice, or with `pool` there and nowhere else. */
  start(pool: UpstreamPool | null): void {
    const { plane } = this.#exchange;
    this.#phase = "seeking";
    this.#attempts.begin();
    // Bounds all attempts together; replaced when the request has been sent.
    this.#exchange.arm(plane.options.requestTimeoutMs);
    if (pool === null) this.#attempts.start();
    else this.#attempts.startAt(pool, false);
  }

  use(upstream: Upstream): void {
    this.#phase = "connecting";
    this.#upstream = upstream;
    this.#exchange.plane.count(upstream.isReused ? "upstream_reuses" : "upstream_connects");
    this.choice.connected(upstream.isReused);
    if (upstream.isOpen) this.#send(upstream);
    else this.holdBody();
  }

  holdBody(): void {
    const { body, client } = this.#exchange;
    if (this.#phase !== "connecting") this.#phase = "seeking";
    if (body.unsentBytes > HIGH_WATER_BYTES) client.pauseBody();
  }

  /** Nothing but the client holds the request's body up. */
  get takesBody(): boolean {
    return this.#upstream?.isOpen === true && this.#upstream.pendingBytes <= HIGH_WATER_BYTES;
  }

  /** More of the request's body has arrived. */
  onRequestBody(): void {
    const { body, client } = this.#exchange;
    const upstream = this.#upstream;
    if (upstream === null || this.#phase === "connecting") {
      this.holdBody();
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
    const isSent = this.#phase === "relaying" && this.#exchange.body.complete;
    upstream?.drop(isSent ? "close" : "abort");
    this.#phase = "idle";
    this.#expectation.end();
    this.#gatherer?.clear();
    this.#attempts.release();
  }

  onTimeout(): void {
    const exchange = this.#exchange;
    if (this.#phase === "relaying") {
      const stalled = exchange.client.pendingBytes > 0;
      if (!stalled) {
        exchange.plane.count("upstream_timeouts");
        this.choice.broke();
      }
      exchange.truncate(stalled);
      return;
    }
    if (this.#attempts.timesOut()) return;
    // An unfinished body that the backend would have taken is the client's delay.
    const waitsForClient =
      this.#phase === "waiting" && !exchange.body.complete && this.#upstream?.pendingBytes === 0;
    if (!waitsForClient) {
      exchange.plane.count("upstream_timeouts");
      exchange.facts.attemptFailed("no answer in time");
      if (this.#phase === "connecting") this.choice.failed("connect_failure");
      else if (this.#phase === "waiting") this.choice.failed("failure");
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
      if (!this.#attempts.connectsAgain())
        exchange.refuse("bad_gateway", [], "the control plane does not accept connections");
      return;
    }
    if (isOutOfDescriptors()) this.#refuseForDescriptors();
    else this.#attempts.connectFailed(reason);
  }

  /** The backend is not to blame, and another one could not be connected to either. */
  #refuseForDescriptors(): void {
    const { plane } = this.#exchange;
    plane.log.warn("no connection to a backend can be opened: too many open files; raise the limit", {});
    this.choice.settle();
    this.#exchange.refuse("no_capacity", [retryAfter(DESCRIPTORS_RETRY_MS)], "too many open files");
  }

  onUpstreamDrain(): void {
    if (this.#phase !== "waiting" && this.#phase !== "relaying") return;
    this.#exchange.client.resumeBody();
    this.#watch();
  }

  onInterim(response: ResponseHead): void {
    const exchange = this.#exchange;
    exchange.body.giveUpReplay();
    this.#expectation.end();
    // 100 goes to those who wait for it.
    const isWanted = response.status !== 100 || (exchange.head.expectContinue && !exchange.continued);
    if (isWanted) exchange.client.interim(response);
  }

  onHead(response: ResponseHead): void {
    const exchange = this.#exchange;
    const { client, facts } = exchange;
    this.#expectation.end();
    this.choice.heard(response.status);
    const upstream = this.#upstream;
    if (this.#attempts.replaces(response.status)) {
      this.#upstream = null;
      upstream?.drop("close");
      return;
    }
    exchange.body.giveUpReplay();
    if (response.status === 101) {
      this.#switchProtocols(response);
      return;
    }
    if (exchange.cache?.takes(response) === true) {
      this.#phase = "taken";
      if (response.framing !== "none") this.#leaveToCache("close");
      return;
    }
    exchange.plane.cookies?.answer(exchange, response);
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
    exchange.cache?.onBody(bytes, start, end);
    if (this.#gathers && this.#gatherer !== null) {
      this.#bodyLeft -= end - start;
      this.#gatherer.add(bytes.subarray(start, end), this.#bodyLeft === 0);
    } else exchange.client.body(bytes, start, end);
  }

  onEnd(trailers: Buffer): void {
    const exchange = this.#exchange;
    const { client, body } = exchange;
    const upstream = this.#upstream;
    if (this.#phase === "taken") {
      this.#leaveToCache("done");
      return;
    }
    this.#gatherer?.flush();
    this.choice.settle();
    exchange.cache?.onEnd(trailers);
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
    const upstream = this.#upstream;
    this.#upstream = null;
    upstream?.drop("abort");
    this.#phase = "seeking";
    this.#expectation.end();
    if (!this.#attempts.resends(loss, upstream)) this.#badAnswer(loss.reason);
  }

  onFault(fault: string): void {
    this.choice.failed("failure");
    this.#badAnswer(fault);
  }

  onBroken(): void {
    if (this.#phase === "taken") {
      this.#leaveToCache("close");
      return;
    }
    this.choice.broke();
    this.choice.blame("failure");
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
    this.#expectation.begin();
    if (upstream.pendingBytes <= HIGH_WATER_BYTES) exchange.client.resumeBody();
    this.#watch();
  }

  /** Arms the deadline that fits: silence of a body, or the time to the first byte once the request is out. */
  #watch(): void {
    const { body, plane, facts } = this.#exchange;
    // Management is small: from its head to its answer it has as long as any request has for its answer.
    if (facts.management && this.#phase === "waiting") return;
    const awaitsAnswer = this.#phase === "waiting" && body.complete;
    this.#exchange.arm(awaitsAnswer ? plane.options.requestTimeoutMs : plane.options.streamIdleMs);
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
    exchange.plane.cookies?.answer(exchange, response);
    if (!openTunnel(exchange, response, upstream)) upstream.drop("abort");
  }

  /** What the backend has answered is out of the way: the cache has something better. */
  #leaveToCache(how: "done" | "close"): void {
    const { body, cache } = this.#exchange;
    const upstream = this.#upstream;
    this.#upstream = null;
    if (how === "done") upstream?.done(body.complete);
    else upstream?.drop("close");
    this.release();
    cache?.answer();
  }

  #badAnswer(fault: string): void {
    this.#exchange.plane.count("upstream_failures");
    this.#exchange.refuse("bad_gateway", [], fault);
  }
}
