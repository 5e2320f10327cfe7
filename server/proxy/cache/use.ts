import { type Forwarding, forwardStatus, hitStatus } from "../../../core/cache/cache-status.ts";
import { freshFor, mayReplaceError, type Reuse, reuse } from "../../../core/cache/reuse.ts";
import type { Entry } from "../../../core/cache/store.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { ProxyErrorCode } from "../../../core/wire/proxy-error.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { CacheSide } from "../exchange/sides.ts";
import type { ResponseCache } from "./cache.ts";
import type { Flight, FlightWaiter } from "./flights.ts";
import { Intake } from "./intake.ts";
import type { CacheRequest } from "./request.ts";
import { Serving } from "./serving.ts";

/** After so many answers that did not fit a request waits no more. */
const MAX_WAITS = 3;
/** No backend has answered, or none in time: what is stored may be better (RFC 5861 section 4). */
const REPLACED_CODES: ReadonlySet<ProxyErrorCode> = new Set([
  "bad_gateway",
  "no_backend",
  "no_capacity",
  "queue_timeout",
  "gateway_timeout",
]);
const REPLACED_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** The cache's part in one GET or HEAD: looks, waits, asks, stores, answers. */
export class CacheUse implements CacheSide, FlightWaiter {
  readonly #cache: ResponseCache;
  readonly #exchange: Exchange;
  readonly #request: CacheRequest;
  readonly #intake: Intake;
  /** What is stored but has to be asked for. */
  #stale: Entry | null = null;
  /** The backend is asked by its validators whether it still holds. */
  #isAsking = false;
  #why: Forwarding = "uri-miss";
  /** The flight that we lead, or wait for. */
  #led: Flight | null = null;
  #awaited: Flight | null = null;
  #waits = 0;
  /** What answers once the backend's response is out of the way. */
  #taken: Entry | null = null;
  #takenStatus = "";
  #once = "";
  #serving: Serving | null = null;

  constructor(cache: ResponseCache, exchange: Exchange, request: CacheRequest) {
    this.#cache = cache;
    this.#exchange = exchange;
    this.#request = request;
    this.#intake = new Intake(cache, exchange, request);
  }

  /** Answers from the store, waits for somebody else's answer, or asks a backend. */
  start(): void {
    const entry = this.#cache.lookup(this.#request);
    const how = entry === null ? "ask" : reuse(entry.use, this.#request.wishes, performance.now());
    if (entry !== null && how !== "ask") this.#hit(entry, how);
    else this.#miss(entry);
  }

  /** Asks for a stored response again, for no client. */
  startRefresh(entry: Entry, flight: Flight | null): void {
    this.#stale = entry;
    this.#led = flight;
    this.#ask();
  }

  onLanded(isShared: boolean): void {
    this.#awaited = null;
    this.#waits++;
    if (isShared) this.start();
    else this.#ask();
  }

  takes(response: ResponseHead): boolean {
    const { status } = response;
    const stale = this.#stale;
    if (stale !== null && status === 304 && this.#isAsking) {
      this.#once = this.#intake.confirm(stale, response);
      this.#confirmed(stale, status);
      return true;
    }
    if (stale !== null && this.#request.isHead && this.#intake.headSeen(stale, response)) {
      this.#confirmed(stale, status);
      return true;
    }
    const isError = stale !== null && REPLACED_STATUSES.has(status);
    if (isError && mayReplaceError(stale.use, this.#request.wishes, performance.now())) {
      this.#takeStale(stale, { status });
      return true;
    }
    const isStored = this.#intake.begin(response);
    if (!isStored || !this.#intake.isFresh) this.#land(false);
    this.#say(forwardStatus(this.#why, { status, isStored }));
    return false;
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#intake.add(bytes, start, end);
  }

  onEnd(trailers: Buffer): void {
    this.#intake.finish(trailers);
  }

  answer(): void {
    const entry = this.#taken;
    if (entry === null) return;
    if (this.#exchange.facts.isBackground) {
      this.#exchange.completed(true);
      return;
    }
    this.#say(this.#takenStatus);
    this.#serve(entry);
    // Who waits has what there is, and must not wait for this client to take it as well.
    this.#arrive();
  }

  replaces(code: ProxyErrorCode): boolean {
    const entry = this.#taken ?? this.#stale;
    const isOurs = REPLACED_CODES.has(code) && entry !== null && !this.#exchange.facts.isBackground;
    if (!isOurs || this.#serving !== null) return false;
    if (!mayReplaceError(entry.use, this.#request.wishes, performance.now())) return false;
    this.#exchange.delivery.release();
    this.#takeStale(entry, { detail: code });
    this.answer();
    return true;
  }

  onClientDrain(): void {
    this.#serving?.onDrain();
  }

  onTimeout(): void {
    if (this.#serving !== null) {
      this.#exchange.truncate(true);
      return;
    }
    const { flights, options } = this.#cache;
    if (this.#awaited !== null && flights.hasLanded(this.#awaited)) {
      // Those before us go on first.
      this.#exchange.arm(options.coalesceMs);
      return;
    }
    this.#awaited?.waiters.delete(this);
    this.#awaited = null;
    this.#waits = MAX_WAITS;
    this.#ask();
  }

  ended(): void {
    this.#intake.giveUp();
    this.#awaited?.waiters.delete(this);
    this.#awaited = null;
    this.#arrive();
  }

  #hit(entry: Entry, how: Exclude<Reuse, "ask">): void {
    const exchange = this.#exchange;
    const { plane } = exchange;
    const isCollapsed = this.#waits > 0;
    if (isCollapsed) plane.count("cache_coalesced");
    else plane.count(how === "fresh" ? "cache_hits" : "cache_stale_hits");
    exchange.facts.cache = isCollapsed ? "coalesced" : how === "fresh" ? "hit" : "stale";
    if (how === "refresh") this.#cache.refreshes.start(this.#cache, exchange, entry, this.#request);
    this.#say(isCollapsed ? forwardStatus(this.#why, { isCollapsed }) : hitStatus(ttlOf(entry)));
    this.#serve(entry);
  }

  #miss(entry: Entry | null): void {
    const { wishes, key } = this.#request;
    const exchange = this.#exchange;
    const { flights, store } = this.#cache;
    this.#stale = entry;
    this.#why = this.#reason(entry, store.has(key));
    if (wishes.onlyIfCached) {
      this.#say(forwardStatus(this.#why));
      exchange.answer({ status: 504, headers: [["Cache-Control", "no-store"]], body: "" });
      return;
    }
    const mayWait = this.#waits < MAX_WAITS && !this.#request.judged.hasCredentials && !wishes.noCache;
    this.#awaited = mayWait ? flights.join(key, this) : null;
    if (this.#awaited !== null) {
      exchange.hold();
      exchange.arm(this.#cache.options.coalesceMs);
      return;
    }
    if (this.#intake.mayBeShared) {
      this.#led = flights.lead(key, this.#cache.hash(key), performance.now());
    }
    this.#ask();
  }

  #reason(entry: Entry | null, hasOthers: boolean): Forwarding {
    if (entry === null && hasOthers && this.#request.judged.hasCredentials) return "request";
    if (entry === null) return hasOthers ? "vary-miss" : "uri-miss";
    return freshFor(entry.use, performance.now()) > 0 ? "request" : "stale";
  }

  /** Goes to a backend, with what is stored as the condition. */
  #ask(): void {
    const exchange = this.#exchange;
    const stale = this.#stale;
    if (!exchange.facts.isBackground) exchange.plane.count("cache_misses");
    exchange.facts.cache = stale === null ? "miss" : "expired";
    // A HEAD is passed on as it is: its answer tells of the same.
    this.#isAsking = stale !== null && !this.#request.isHead && hasValidator(stale);
    if (this.#isAsking && stale !== null) {
      exchange.dropsConditions = true;
      exchange.requestExtra = validatorsOf(stale);
    }
    this.#intake.asked();
    exchange.deliver();
  }

  /** What is stored holds, with what the response has told of it. */
  #confirmed(stale: Entry, status: number): void {
    const { plane, facts } = this.#exchange;
    plane.count("cache_revalidations");
    facts.cache = "revalidated";
    this.#taken = stale;
    this.#takenStatus = forwardStatus(this.#why, { status, ttlSeconds: ttlOf(stale) });
    if (freshFor(stale.use, performance.now()) <= 0 || !stale.isStored) this.#land(false);
  }

  #takeStale(entry: Entry, more: { readonly status?: number; readonly detail?: string }): void {
    const { plane, facts } = this.#exchange;
    if (!facts.isBackground) plane.count("cache_stale_hits");
    facts.covered(plane);
    facts.cache = "stale";
    this.#taken = entry;
    this.#takenStatus = forwardStatus(this.#why, { ...more, ttlSeconds: ttlOf(entry) });
  }

  #serve(entry: Entry): void {
    this.#cache.used(entry);
    this.#serving = new Serving(this.#exchange, entry);
    this.#serving.start(entry, this.#request, this.#once);
  }

  /** The answer is not one that others can be given: they go on at once, and nobody waits for the next. */
  #land(isShared: boolean): void {
    const { key } = this.#request;
    const { flights } = this.#cache;
    if (this.#intake.mayBeShared) flights.remember(this.#cache.hash(key), isShared, performance.now());
    if (this.#led === null) return;
    const flight = this.#led;
    this.#led = null;
    flights.land(flight, isShared);
  }

  /** Those who wait look again. */
  #arrive(): void {
    const flight = this.#led;
    this.#led = null;
    if (flight !== null) this.#cache.flights.land(flight, true);
  }

  #say(status: string): void {
    const exchange = this.#exchange;
    if (!this.#cache.options.showsStatus) return;
    exchange.responseExtra = [...exchange.responseExtra, ["Cache-Status", status]];
  }
}

/** Whole seconds for which it is fresh; below 0 since when it is not. */
function ttlOf(entry: Entry): number {
  return Math.floor(freshFor(entry.use, performance.now()) / 1000);
}

function hasValidator({ etag, lastModified }: Entry): boolean {
  return etag !== null || lastModified !== null;
}

function validatorsOf({ etag, lastModified }: Entry): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [];
  if (etag !== null) fields.push(["If-None-Match", etag]);
  if (lastModified !== null) fields.push(["If-Modified-Since", lastModified]);
  return fields;
}
