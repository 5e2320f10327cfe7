/** What control plane and workers tell each other of the cache. */

/** What to forget: everything, one URL, or all that begins with it. A value that starts with "/" means any host. */
export type CachePurge =
  | { readonly kind: "all" }
  | { readonly kind: "url" | "prefix"; readonly value: string };

/** What one worker has stored. */
export interface CacheReport {
  readonly entries: number;
  readonly bytes: number;
  /** By size, and by use; each in falling order. */
  readonly largest: readonly CachedView[];
  readonly mostUsed: readonly CachedView[];
}

/** One stored response as people see it. */
export interface CachedView {
  readonly url: string;
  readonly status: number;
  /** Of its body. */
  readonly bytes: number;
  readonly hits: number;
  readonly ageSeconds: number;
  /** Below 0 when it is stale. */
  readonly ttlSeconds: number;
  /** Names of the request fields by which it varies, joined by ", ". */
  readonly vary: string;
}

/** Says whether a stored URI is one that a purge means. */
export function isPurged(uri: string, purge: CachePurge): boolean {
  if (purge.kind === "all") return true;
  const at = purge.value.startsWith("/") ? uri.indexOf("/", uri.indexOf("://") + 3) : 0;
  const target = at === 0 ? uri : uri.slice(at);
  return purge.kind === "url" ? target === purge.value : target.startsWith(purge.value);
}
