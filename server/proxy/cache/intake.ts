import { type JudgedResponse, judge, type Times, type UseRules } from "../../../core/cache/judge.ts";
import { fieldIn, linesNamed, linesWithout, storedLines, updatedLines } from "../../../core/cache/lines.ts";
import { Entry } from "../../../core/cache/store.ts";
import { variantKey, varyNames } from "../../../core/cache/vary.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { ResponseCache } from "./cache.ts";
import { Fill } from "./fill.ts";
import type { CacheRequest } from "./request.ts";

/** Takes what a backend answers to one request into the store, if it may be there. */
export class Intake {
  readonly #cache: ResponseCache;
  readonly #exchange: Exchange;
  readonly #request: CacheRequest;
  #requestMs = 0;
  /** As they were when the backend was asked: what was invalidated or purged since is not stored. */
  #version = 0;
  #purges = 0;
  #fill: Fill | null = null;
  #entry: Omit<ConstructorParameters<typeof Entry>[0], "body"> | null = null;

  constructor(cache: ResponseCache, exchange: Exchange, request: CacheRequest) {
    this.#cache = cache;
    this.#exchange = exchange;
    this.#request = request;
  }

  /** The answer to the request, if it may be stored, would do for others: it asks for the whole, for no one in particular. */
  get mayBeShared(): boolean {
    const { isHead, judged, wishes, range, ifNoneMatch, ifModifiedSince } = this.#request;
    if (isHead || judged.hasCredentials || wishes.noStore) return false;
    return range === null && ifNoneMatch === null && ifModifiedSince === null;
  }

  /** What is being stored will be fresh. */
  get isFresh(): boolean {
    const use = this.#entry?.use;
    return use !== undefined && !use.alwaysAsks && use.lifetimeMs > use.initialAgeMs;
  }

  /** The backend is asked now. */
  asked(): void {
    this.#requestMs = Date.now();
    this.#version = this.#cache.versions.of(this.#request.uri);
    this.#purges = this.#cache.versions.purges;
  }

  /** The head of the answer is here: says whether its body will be stored. */
  begin(response: ResponseHead): boolean {
    const { options, store } = this.#cache;
    const { isHead, uri, key } = this.#request;
    const { status, framing } = response;
    // Where only the end of the connection ends a body, a cut one looks whole.
    if (isHead || framing === "close" || response.isEventStream) return false;
    const use = this.#judge(judgedHead(response));
    if (use === null) return false;
    const declared = framing === "none" ? 0 : framing === "length" ? response.contentLength : -1;
    const fill = new Fill(store, options.maxObjectBytes, declared, this.#cache.isShared);
    if (fill.isGivenUp) return false;
    this.#fill = fill;
    const date = this.#exchange.plane.date.at(Date.now());
    const lines = storedLines(response, use.withheldFields, use.keepsCookies, date);
    this.#entry = {
      key,
      uri,
      status,
      reason: response.reason,
      version: this.#version,
      ...this.#described(lines, use),
    };
    return true;
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#fill?.add(bytes, start, end);
  }

  /** The body is whole. Trailers are not kept, so that a response with some is not. */
  finish(trailers: Buffer): void {
    const entry = this.#entry;
    const body = trailers.length === 0 ? (this.#fill?.finish() ?? null) : null;
    this.giveUp();
    if (entry === null || body === null || this.#isOvertaken) return;
    if (this.#cache.add(new Entry({ ...entry, body }))) {
      this.#exchange.plane.count("cache_stored");
      const { key } = this.#request;
      if (entry.use.lifetimeMs > 0) {
        this.#cache.flights.remember(this.#cache.hash(key), true, performance.now());
      }
    }
  }

  giveUp(): void {
    this.#fill?.giveUp();
    this.#fill = null;
    this.#entry = null;
  }

  /** Takes the fields of a 304 over into what is stored (RFC 9111 section 4.3.4); gives lines for this client alone. */
  confirm(stale: Entry, response: ResponseHead): string {
    this.#takeOver(stale, response);
    return stale.use.keepsCookies ? "" : linesNamed(response, "set-cookie");
  }

  /**
   * Takes over what the answer to a HEAD tells, or forgets what is stored if that is another (RFC 9111 section 4.3.5);
   * says whether it still holds.
   */
  headSeen(stored: Entry, response: ResponseHead): boolean {
    if (response.status !== 200 || stored.status !== 200) return false;
    const isSame =
      agrees(response.get("etag"), stored.etag) &&
      agrees(response.get("last-modified"), stored.lastModified) &&
      (response.contentLength < 0 || response.contentLength === stored.body.length);
    if (isSame) this.#takeOver(stored, response);
    // In every worker.
    else this.#cache.versions.moveOn(stored.uri);
    return isSame;
  }

  #takeOver(stale: Entry, response: ResponseHead): void {
    const { store } = this.#cache;
    const updated = updatedLines(stale.lines, response, [], stale.use.keepsCookies);
    const use = this.#judge(judgedLines(stale.status, updated, response));
    if (use === null) {
      // It holds for this client; from now on it must not be stored, or is of no use.
      store.remove(stale);
      stale.lines = updated;
      return;
    }
    const { withheldFields } = use;
    const lines = linesWithout(updated, (name) => withheldFields.includes(name));
    store.update(stale, (entry) => Object.assign(entry, this.#described(lines, use)));
    if (this.#isOvertaken) store.remove(stale);
    else if (stale.isStored) this.#cache.tell(stale);
  }

  get #isOvertaken(): boolean {
    const { versions } = this.#cache;
    return this.#version !== versions.of(this.#request.uri) || this.#purges !== versions.purges;
  }

  #judge(response: JudgedResponse): UseRules | null {
    const { judged, wishes } = this.#request;
    const times: Times = {
      requestMs: this.#requestMs,
      responseMs: Date.now(),
      receivedMs: performance.now(),
    };
    const request = { ...judged, noStore: wishes.noStore };
    return judge(request, response, times, this.#cache.options.rules);
  }

  /** What an entry holds that comes from its fields, and from those of the request by which it varies. */
  #described(lines: string, use: UseRules) {
    const names = varyNames(fieldIn(lines, "vary") ?? "");
    return {
      lines,
      use,
      etag: fieldIn(lines, "etag"),
      lastModified: fieldIn(lines, "last-modified"),
      varyNames: names,
      variant: variantKey(names, this.#request.fields),
    };
  }
}

function agrees(told: string | null, stored: string | null): boolean {
  return told === null || told === stored;
}

function judgedHead(response: ResponseHead): JudgedResponse {
  return {
    status: response.status,
    cacheControl: response.join("cache-control"),
    cdnCacheControl: response.join("cdn-cache-control"),
    expires: response.join("expires"),
    date: response.get("date"),
    age: response.join("age"),
    lastModified: response.get("last-modified"),
    etag: response.get("etag"),
    vary: response.join("vary"),
    setsCookie: response.find("set-cookie") >= 0,
  };
}

/** What is stored, as the response that confirms it has changed it; its age is that of the confirmation. */
function judgedLines(status: number, lines: string, response: ResponseHead): JudgedResponse {
  return {
    status,
    cacheControl: fieldIn(lines, "cache-control"),
    cdnCacheControl: fieldIn(lines, "cdn-cache-control"),
    expires: fieldIn(lines, "expires"),
    date: response.get("date"),
    age: response.join("age"),
    lastModified: fieldIn(lines, "last-modified"),
    etag: fieldIn(lines, "etag"),
    vary: fieldIn(lines, "vary"),
    setsCookie: fieldIn(lines, "set-cookie") !== null,
  };
}
