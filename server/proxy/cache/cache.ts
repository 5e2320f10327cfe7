import { type Entry, Store, type StoreEvents } from "../../../core/cache/store.ts";
import { type CachePurge, isPurged } from "../../../core/plane/cache.ts";
import { type CacheVersions, hashUri } from "../../../core/table/cache-versions.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { Bystander, Invalidation } from "./bystander.ts";
import { Flights } from "./flights.ts";
import type { CacheOptions } from "./options.ts";
import { Refreshes } from "./refresh.ts";
import { type CacheRequest, cacheRequest, targetUri } from "./request.ts";
import { Sharing } from "./sharing.ts";
import { CacheUse } from "./use.ts";

/** Methods that change nothing (RFC 9110 section 9.2.1) and are not answered from a cache. */
const OTHER_SAFE: ReadonlySet<string> = new Set(["OPTIONS", "TRACE"]);

/** The cache of one worker: what is stored, who waits for what, and what is asked for again in the background. */
export class ResponseCache {
  readonly options: CacheOptions;
  readonly store: Store;
  readonly versions: CacheVersions;
  readonly flights: Flights;
  readonly refreshes = new Refreshes();
  readonly #sharing: Sharing | null;

  /** `channel` is the name under which the workers of one server hear each other; "" for a worker without others. */
  constructor(options: CacheOptions, versions: CacheVersions, channel: string, events: StoreEvents) {
    this.options = options;
    this.#sharing =
      channel === "" ? null : new Sharing(channel, (entry, purges) => this.#take(entry, purges));
    this.versions = versions;
    this.store = new Store(options.limits, events);
    events.onSize(0, 0);
    this.flights = new Flights(options.coalesceMs > 0);
  }

  /** Answers a request that has passed the guards from the store, or delivers it. */
  serve(exchange: Exchange): void {
    const { head, body } = exchange;
    const isRead = head.method === "GET" || head.method === "HEAD";
    if (!isRead) {
      if (!OTHER_SAFE.has(head.method) && head.host !== "") {
        exchange.cache = new Invalidation(this, exchange, targetUri(head, exchange.facts.proto));
      }
      exchange.deliver();
      return;
    }
    const isPlain = body.complete && head.framing === "none" && exchange.upgrade === "";
    const request = isPlain ? cacheRequest(exchange, this.options) : null;
    if (request === null) {
      if (this.options.showsStatus) exchange.cache = new Bystander(exchange, "bypass");
      exchange.deliver();
      return;
    }
    const use = new CacheUse(this, exchange, request);
    exchange.cache = use;
    use.start();
  }

  /** Other workers are told what is stored. */
  get isShared(): boolean {
    return this.#sharing !== null;
  }

  /** Stores a response that was just fetched, and tells the other workers; false when there is no room for it. */
  add(entry: Entry): boolean {
    if (!this.store.add(entry)) return false;
    this.tell(entry);
    return true;
  }

  /** Tells the other workers of what is stored here, or has changed. */
  tell(entry: Entry): void {
    const told = this.#sharing?.tell(entry, this.versions.purges, performance.now());
    entry.isUntold = told === false;
  }

  /** Notes that a stored response is used. */
  used(entry: Entry): void {
    this.store.touch(entry);
    if (entry.isUntold) this.tell(entry);
  }

  /** Finds what is stored for a request and was not invalidated since. */
  lookup(request: CacheRequest): Entry | null {
    const entry = this.store.find(request.key, request.fields);
    if (entry === null) return null;
    if (entry.version !== this.versions.of(entry.uri)) {
      this.store.remove(entry);
      return null;
    }
    // What was stored for nobody in particular may not be what the caller is entitled to.
    return request.judged.hasCredentials && !entry.use.forCredentials ? null : entry;
  }

  /** Forgets what the purge means, and keeps what is arriving from being stored; says how many entries that were. */
  purge(purge: CachePurge): number {
    this.versions.purged();
    return this.store.purge(({ uri }) => isPurged(uri, purge));
  }

  /** Ends what outlives requests. */
  close(): void {
    this.#sharing?.close();
  }

  /** Another worker has fetched something. */
  #take(entry: Entry, purges: number): void {
    const { versions } = this;
    if (purges === versions.purges && entry.version === versions.of(entry.uri)) this.store.add(entry);
  }

  /** A number by which a key's short memories are found. */
  hash(key: string): number {
    return hashUri(key);
  }
}
