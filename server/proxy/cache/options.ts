import type { CacheRules } from "../../../core/cache/judge.ts";
import type { StoreLimits } from "../../../core/cache/store.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { compilePatterns } from "../../../core/http/path-match.ts";

const SECOND_MS = 1000;

/** The configuration of the cache in the units of one worker. */
export interface CacheOptions {
  readonly rules: CacheRules;
  readonly limits: StoreLimits;
  readonly maxObjectBytes: number;
  /** Lower-case names of request fields that are part of the key. */
  readonly keyHeaders: readonly string[];
  readonly isExcluded: (path: string) => boolean;
  readonly heedsClients: boolean;
  /** 0 = nobody waits for somebody else's answer. */
  readonly coalesceMs: number;
  readonly showsStatus: boolean;
}

/** Derives the options; the limits are shared out among the workers. */
export function cacheOptions(config: ServerConfig, workers: number): CacheOptions {
  const excluded = config.cache_exclude_paths;
  const matches = compilePatterns({ patterns: [excluded] });
  return {
    rules: {
      defaultTtlMs: config.cache_ttl_seconds * SECOND_MS,
      heuristics: config.cache_heuristics,
      storesCookies: config.cache_set_cookie,
      staleIfErrorMs: config.cache_stale_if_error_seconds * SECOND_MS,
      staleWhileRevalidateMs: config.cache_stale_while_revalidate_seconds * SECOND_MS,
    },
    limits: {
      entries: Math.max(1, Math.floor(config.cache_max_entries / workers)),
      bytes: Math.floor(config.cache_max_bytes / workers),
    },
    maxObjectBytes: config.cache_max_object_bytes,
    keyHeaders: config.cache_key_headers.map((name) => name.toLowerCase()),
    // Without patterns an endpoint serves all.
    isExcluded: excluded.length === 0 ? () => false : (path) => matches(path) >= 0,
    heedsClients: config.cache_client_directives,
    coalesceMs: config.cache_coalesce_seconds * SECOND_MS,
    showsStatus: config.cache_status_header,
  };
}
