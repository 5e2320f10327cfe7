import { ageAt, freshFor } from "../../../core/cache/reuse.ts";
import type { Entry, Store } from "../../../core/cache/store.ts";
import type { CachedView, CacheReport } from "../../../core/plane/cache.ts";

const SECOND_MS = 1000;

/** Says what a worker has stored, with at most so many entries in each list; nothing without a store. */
export function cacheReport(store: Store | null, most: number, nowMs: number): CacheReport {
  if (store === null) return { entries: 0, bytes: 0, largest: [], mostUsed: [] };
  const all = [...store.all()];
  const top = (figure: (entry: Entry) => number): CachedView[] =>
    all
      .toSorted((left, right) => figure(right) - figure(left))
      .slice(0, most)
      .map((entry) => viewOf(entry, nowMs));
  return {
    entries: store.entries,
    bytes: store.bytes,
    largest: top(({ body }) => body.length),
    mostUsed: top(({ hits }) => hits),
  };
}

function viewOf(entry: Entry, nowMs: number): CachedView {
  return {
    url: entry.uri,
    status: entry.status,
    bytes: entry.body.length,
    hits: entry.hits,
    ageSeconds: Math.floor(ageAt(entry.use, nowMs) / SECOND_MS),
    ttlSeconds: Math.floor(freshFor(entry.use, nowMs) / SECOND_MS),
    vary: entry.varyNames.join(", "),
  };
}
