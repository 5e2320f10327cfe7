import { type Forwarding, forwardStatus } from "../../../core/cache/cache-status.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { CacheSide } from "../exchange/sides.ts";
import type { ResponseCache } from "./cache.ts";
import { authorityOf } from "./request.ts";

/** The part of a cache that only looks on: it says so, and nothing else. */
export class Bystander implements CacheSide {
  protected readonly exchange: Exchange;
  readonly #why: Forwarding | null;

  /** `why` is told to the client; null to say nothing. */
  constructor(exchange: Exchange, why: Forwarding | null) {
    this.exchange = exchange;
    this.#why = why;
  }

  takes(_response: ResponseHead): boolean {
    const { exchange } = this;
    if (this.#why === null) return false;
    exchange.responseExtra = [...exchange.responseExtra, ["Cache-Status", forwardStatus(this.#why)]];
    return false;
  }

  onBody(): void {
    // It is not stored.
  }

  onEnd(): void {
    // Nothing was stored.
  }

  answer(): void {
    // It takes no response.
  }

  replaces(): boolean {
    return false;
  }

  onClientDrain(): void {
    // It holds nothing.
  }

  onTimeout(): void {
    // It waits for nothing.
  }

  ended(): void {
    // It has nothing to give back.
  }
}

/** Looks on while a method changes something: once that has worked, what was stored of it is void (RFC 9111 section 4.4). */
export class Invalidation extends Bystander {
  readonly #cache: ResponseCache;
  readonly #uri: string;

  constructor(cache: ResponseCache, exchange: Exchange, uri: string) {
    super(exchange, cache.options.showsStatus ? "method" : null);
    this.#cache = cache;
    this.#uri = uri;
  }

  override takes(response: ResponseHead): boolean {
    if (response.status < 400) {
      this.#invalidate(this.#uri);
      for (const name of ["location", "content-location"] as const) {
        const value = response.get(name);
        const related = value === null ? null : sameOrigin(value, this.#uri);
        if (related !== null && related !== this.#uri) this.#invalidate(related);
      }
    }
    return super.takes(response);
  }

  #invalidate(uri: string): void {
    this.#cache.versions.moveOn(uri);
    this.exchange.plane.count("cache_invalidated");
  }
}

/** The URI that a reference means, in the spelling of the cache; null when it leads to another origin. */
function sameOrigin(reference: string, base: string): string | null {
  const url = URL.parse(reference, base);
  if (url === null) return null;
  const scheme = url.protocol.slice(0, -1);
  const origin = `${scheme}://${authorityOf(url.host, scheme)}`;
  if (!base.startsWith(`${origin}/`)) return null;
  return `${origin}${url.pathname}${url.search}`;
}
