import { retryAfter } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { Loss, Upstream, UpstreamPool, UpstreamUser } from "../exchange/sides.ts";
import { guarded } from "../thread/faults.ts";
import { Choice } from "./choice.ts";
import { type Refused, refusePick } from "./choosing.ts";
import type { Waiting } from "./queue.ts";
import { mayResend, Retries } from "./retries.ts";

/** Who speaks on the connections that are found. */
export interface AttemptUser extends UpstreamUser {
  /** Takes over a connection, perhaps one that is still to open. */
  use(upstream: Upstream): void;
  /** There is no connection, and may not be for a while: the body must not pile up. */
  holdBody(): void;
}

/** A connection that turns out to be stale says nothing about its backend; that many in a row do. */
const MAX_STALE = 3;
/** A unix socket whose queue is full refuses at once, where TCP would wait: so often, and about so far apart, is asked again. */
const MAX_CONTROL_CONNECTS = 100;
const CONTROL_PAUSE_MS = 40;

/** Finds backends for one request: the first, another one after a failure, or after a wait one that has room. */
export class Attempts implements Waiting {
  readonly choice: Choice;
  readonly #exchange: Exchange;
  readonly #user: AttemptUser;
  readonly #retries: Retries;
  #pool: UpstreamPool | null = null;
  /** Connections on which the request met nothing but their end, as they had been idle for too long. */
  #stale = 0;
  #controlConnects = 0;
  #pause: ReturnType<typeof setTimeout> | null = null;
  #queuedAtMs = 0;

  constructor(exchange: Exchange, user: AttemptUser) {
    this.#exchange = exchange;
    this.#user = user;
    this.choice = new Choice(exchange);
    this.#retries = new Retries(exchange);
  }

  begin(): void {
    this.choice.begin();
    this.#retries.begin();
    this.#stale = 0;
    this.#controlConnects = 0;
  }

  /** Finds a backend, now or when there is room. */
  start(): void {
    const { plane, query } = this.#exchange;
    const { timeoutMs } = plane.options.queue;
    const hasToWait = timeoutMs > 0 && plane.queue.isContended(query.tier);
    const found = hasToWait ? "no_capacity" : this.#find();
    // A connection that another worker could give up will come soon.
    const waitMs = this.choice.unskip()
      ? Math.max(timeoutMs, plane.options.pool.connectTimeoutMs)
      : timeoutMs;
    if (typeof found !== "string") this.#user.use(found);
    else if (found === "no_capacity" && waitMs > 0 && plane.queue.enter(this)) this.#wait(waitMs);
    else this.#refuse(found);
  }

  /** Goes to that pool and nowhere else; with `fresh` never over a connection that was used before. */
  startAt(pool: UpstreamPool, fresh: boolean): void {
    this.#pool = pool;
    const upstream = pool.open(this.#user, fresh);
    if (upstream !== null) {
      this.#user.use(upstream);
      return;
    }
    // No connection to the chosen backend can be had: another one may do.
    this.choice.skip();
    this.start();
  }

  /** The request could not be sent: whatever its method, it goes to another backend. */
  connectFailed(reason: string): void {
    this.#exchange.facts.attemptFailed(`no connection (${reason})`);
    this.choice.fail("connect_failure");
    this.start();
  }

  /** The control plane takes no connection at the moment, as when a thousand agents come at once: says whether it is asked again. */
  connectsAgain(): boolean {
    const pool = this.#pool;
    if (pool === null || this.#controlConnects >= MAX_CONTROL_CONNECTS) return false;
    this.#controlConnects++;
    this.#pauseBefore(pool, CONTROL_PAUSE_MS * (0.5 + Math.random()));
    return true;
  }

  /** The request got no answer: says whether it is sent again. */
  resends(loss: Loss, upstream: Upstream | null): boolean {
    if (!loss.answered && this.#isStale(loss, upstream)) return true;
    const { facts } = this.#exchange;
    facts.attemptFailed(loss.reason);
    const { row } = this.choice.pick;
    this.choice.fail("failure");
    const delayMs = loss.answered || facts.management ? -1 : this.#retries.take(row);
    const pool = delayMs < 0 ? "no_backend" : this.choice.next();
    if (typeof pool === "string") return false;
    this.#pauseBefore(pool, delayMs);
    return true;
  }

  /** The backend answered with an error that is not passed on while another one may do better: says whether one is asked. */
  replaces(status: number): boolean {
    const { plane, facts } = this.#exchange;
    if (facts.management || !plane.options.retries.statuses.has(status)) return false;
    const delayMs = this.#retries.take(this.choice.pick.row);
    const pool = delayMs < 0 ? null : this.choice.instead();
    if (pool === null) return false;
    facts.attemptFailed(`status ${status}`);
    this.#pauseBefore(pool, delayMs);
    return true;
  }

  /** The deadline has come: says whether the request was still in the queue, and is refused now. */
  timesOut(): boolean {
    const { plane, facts } = this.#exchange;
    if (!plane.queue.leave(this)) return false;
    this.#exchange.trace?.queued(this.#queuedAtMs);
    facts.queuedMs += performance.now() - this.#queuedAtMs;
    plane.count("queue_timeouts");
    this.#exchange.refuse("queue_timeout", [retryAfter(0)]);
    return true;
  }

  /** Stops looking and gives back what is held. */
  release(): void {
    this.#pool = null;
    if (this.#queuedAtMs > 0) this.#exchange.plane.queue.leave(this);
    this.#queuedAtMs = 0;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    this.choice.settle();
    this.#retries.end();
  }

  get tier(): number {
    return this.#exchange.query.tier;
  }

  get needs(): string {
    const { query, plane, head } = this.#exchange;
    const byTable = query.sticky ? `${query.stickyHi} ${query.stickyLo}` : "";
    const session = `${byTable},${query.preferredRow}`;
    const paths = plane.directory.endpointsFor(head.path)?.join() ?? "";
    return `${session};${paths};${query.excluded.join()}`;
  }

  tryAgain(): boolean {
    const { plane, facts } = this.#exchange;
    const found = this.#find();
    this.choice.unskip();
    if (found === "no_capacity") return false;
    plane.queue.leave(this);
    this.#exchange.trace?.queued(this.#queuedAtMs);
    facts.queuedMs += performance.now() - this.#queuedAtMs;
    this.#queuedAtMs = 0;
    this.#exchange.arm(plane.options.requestTimeoutMs);
    if (found === "no_backend") this.#refuse(found);
    else this.#user.use(found);
    return true;
  }

  /** Finds a backend with room and a connection to it. */
  #find(): Upstream | Refused {
    for (;;) {
      const pool = this.choice.next();
      if (typeof pool === "string") return this.choice.hasSkipped ? "no_capacity" : pool;
      this.#pool = pool;
      const upstream = pool.open(this.#user, false);
      if (upstream !== null) return upstream;
      this.choice.skip();
    }
  }

  #wait(withinMs: number): void {
    this.#queuedAtMs = performance.now();
    this.#exchange.plane.count("queued");
    this.#exchange.arm(withinMs);
    this.#user.holdBody();
  }

  /**
   * Sends a request once more that met a connection which its backend was closing, or that the backend has not looked at:
   * neither says anything about the backend, so that it is asked again.
   */
  #isStale(loss: Loss, upstream: Upstream | null): boolean {
    const { body, facts, plane } = this.#exchange;
    const pool = this.#pool;
    const isInnocent = loss.unprocessed
      ? body.replayable
      : (upstream?.isReused === true || facts.management) && mayResend(this.#exchange);
    if (!isInnocent || pool === null || this.#stale >= MAX_STALE) return false;
    this.#stale++;
    plane.count("stale_connections");
    body.rewind();
    this.startAt(pool, true);
    return true;
  }

  #pauseBefore(pool: UpstreamPool, delayMs: number): void {
    this.#exchange.body.rewind();
    this.#stale = 0;
    this.#user.holdBody();
    this.#pause = setTimeout(() => {
      this.#pause = null;
      guarded(() => this.startAt(pool, false));
    }, delayMs);
  }

  #refuse(status: Refused): void {
    const exchange = this.#exchange;
    if (this.choice.hasFailed) {
      const reason = `no backend accepted the request; the last: ${exchange.facts.reason}`;
      exchange.refuse("bad_gateway", [], reason);
    } else refusePick(exchange, status);
  }
}
