/** The cache of the data plane: `GET /cache` looks, `DELETE /cache` forgets. */
import type { CachedView, CachePurge, CacheReport } from "../../../core/plane/cache.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import { invalid, json, problem } from "./answers.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";

/** The caches of all workers. */
export interface Caches {
  /** Resolves when no worker answers with what was purged any more; with the number of responses removed. */
  purge(purge: CachePurge): Promise<number>;
  /** What each worker has stored, with at most so many entries in each list. */
  report(most: number): Promise<readonly CacheReport[]>;
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

export function cacheOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["GET"],
      path: "/cache",
      tag: "status",
      summary: "Show what the cache holds and how well it does.",
      query: { limit: `Entries in each list, at most ${MAX_LIMIT}; ${DEFAULT_LIMIT} unless said.` },
      answers: {
        200: "Sizes, limits, counts since the start, the largest and the most used responses. The same URL may stand more than once: each worker has its own cache.",
        400: "`limit` is no number.",
      },
      handle: (call) => show(deps, call),
    },
    {
      methods: ["DELETE"],
      path: "/cache",
      tag: "status",
      summary: "Forget stored responses: all of them, those of one URL, or those whose URL begins alike.",
      query: {
        url: "One URL with its query, such as `https://example.com/a?b=c`; beginning with `/` it means any host.",
        prefix: "The beginning of URLs, in the same way.",
      },
      answers: {
        200: "How many were forgotten, in all workers together.",
        400: "`url` and `prefix` are both given, or are no URL.",
        409: "The cache is off.",
      },
      handle: (call) => forget(deps, call),
    },
  ];
}

async function show({ caches, config, tables }: ApiDeps, { query }: Call): Promise<Response> {
  const limit = query.get("limit") ?? String(DEFAULT_LIMIT);
  if (!/^\d{1,4}$/.test(limit)) {
    return invalid([{ field: "limit", rule: `must be a whole number up to ${MAX_LIMIT}`, got: limit }]);
  }
  const most = Math.min(Number(limit), MAX_LIMIT);
  const reports = config.cache_enabled ? await caches.report(most) : [];
  const { counters } = tables;
  const hits =
    counters.sum("cache_hits") + counters.sum("cache_stale_hits") + counters.sum("cache_coalesced");
  const misses = counters.sum("cache_misses");
  return json({
    enabled: config.cache_enabled,
    entries: total(reports, ({ entries }) => entries),
    bytes: total(reports, ({ bytes }) => bytes),
    limits: {
      entries: config.cache_max_entries,
      bytes: config.cache_max_bytes,
      object_bytes: config.cache_max_object_bytes,
    },
    hits: counters.sum("cache_hits"),
    stale_hits: counters.sum("cache_stale_hits"),
    coalesced: counters.sum("cache_coalesced"),
    misses,
    hit_ratio: hits + misses === 0 ? null : hits / (hits + misses),
    revalidations: counters.sum("cache_revalidations"),
    stored: counters.sum("cache_stored"),
    evicted: counters.sum("cache_evicted"),
    invalidated: counters.sum("cache_invalidated"),
    purged: counters.sum("cache_purged"),
    bytes_out: counters.sum("cache_bytes_out"),
    largest: top(
      reports.flatMap(({ largest }) => largest),
      most,
      ({ bytes }) => bytes,
    ),
    most_used: top(
      reports.flatMap(({ mostUsed }) => mostUsed),
      most,
      ({ hits: used }) => used,
    ),
  });
}

async function forget({ caches, config }: ApiDeps, { query }: Call): Promise<Response> {
  if (!config.cache_enabled) return problem(409, "The cache is off: set cache_enabled to use it.");
  const purge = purgeOf(query.get("url"), query.get("prefix"));
  if (Array.isArray(purge)) return invalid(purge);
  return json({ purged: await caches.purge(purge) });
}

/** What the query means, or what is wrong with it. */
function purgeOf(url: string | null, prefix: string | null): CachePurge | FieldError[] {
  if (url !== null && prefix !== null) {
    return [
      { field: "prefix", rule: "must not stand beside url: one of them says what to forget", got: prefix },
    ];
  }
  const [kind, value] = url === null ? (["prefix", prefix] as const) : (["url", url] as const);
  if (value === null) return { kind: "all" };
  const spelt = spelledAsStored(value);
  if (spelt !== null) return { kind, value: spelt };
  const rule = "must be a path that starts with / or a URL that starts with http:// or https://";
  return [{ field: kind, rule, got: value }];
}

/** Scheme and authority in lower case and without the default port, as URIs are stored; null for no URL. */
function spelledAsStored(value: string): string | null {
  if (value.startsWith("/")) return value;
  const parts = /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(value);
  if (parts === null) return null;
  const [, scheme = "", authority = "", rest = ""] = parts;
  const host = authority.toLowerCase().replace(scheme.toLowerCase() === "https" ? /:443$/ : /:80$/, "");
  return `${scheme.toLowerCase()}://${host}${rest}`;
}

function total(reports: readonly CacheReport[], figure: (report: CacheReport) => number): number {
  return reports.reduce((sum, report) => sum + figure(report), 0);
}

function top(views: readonly CachedView[], most: number, figure: (view: CachedView) => number) {
  return views
    .toSorted((left, right) => figure(right) - figure(left))
    .slice(0, most)
    .map((view) => ({
      url: view.url,
      status: view.status,
      bytes: view.bytes,
      hits: view.hits,
      age_seconds: view.ageSeconds,
      ttl_seconds: view.ttlSeconds,
      vary: view.vary,
    }));
}
