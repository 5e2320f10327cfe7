import { FILTER_NAMES, type FilterName } from "../../balancing/filters.ts";
import { PROXY_ERROR_CODES, type ProxyErrorCode } from "../../wire/proxy-error.ts";

/** What is counted, with what it means. A worker counts in its own region; readers add the regions up. */
export const COUNTERS = {
  connections_accepted: "Connections of clients that were taken.",
  connections_closed: "Connections of clients that have ended.",
  connections_refused: "Connections of clients beyond a limit, closed at once.",
  tls_handshake_failures: "TLS handshakes of clients that failed.",
  requests: "Requests that have ended, whatever their answer.",
  requests_rejected: "Requests that broke the rules of HTTP; no backend has seen them.",
  responses_1xx: "Requests that ended as a tunnel (101).",
  responses_2xx: "Requests answered with a status from 200 to 299.",
  responses_3xx: "Requests answered with a status from 300 to 399.",
  responses_4xx: "Requests answered with a status from 400 to 499.",
  responses_5xx: "Requests answered with a status from 500 to 599.",
  bytes_in: "Bytes of bodies and tunnels from clients.",
  bytes_out: "Bytes of bodies and tunnels to clients.",
  management_requests: "Requests to management.",
  management_refused: "Requests to management that its guards refused.",
  route_requests: "Requests to /route.",
  picks: "Choices of a backend, whatever came of them.",
  picks_no_backend: "Choices that found no backend in service.",
  picks_no_capacity: "Choices that found backends, but none with room.",
  sticky_kept: "Requests of sessions that went to the backend of before.",
  sticky_assigned: "Sessions that were given a backend.",
  upstream_connects: "Connections to backends that were opened.",
  upstream_connect_failures: "Connections to backends that could not be opened.",
  upstream_reuses: "Requests sent on a kept connection to a backend.",
  upstream_failures: "Requests that a backend did not answer in order.",
  upstream_timeouts: "Requests that a backend did not answer in time.",
  retries: "Requests that were sent again.",
  retries_over_budget: "Requests that were not sent again because too many were.",
  stale_connections: "Kept connections that turned out to be closed, each replaced by another.",
  queued: "Requests that waited for room.",
  queue_timeouts: "Requests that waited for room in vain.",
  breakers_opened: "Endpoints taken out of service for their failures.",
  breakers_closed: "Endpoints put back in service after a trial.",
  tunnels_opened: "WebSockets and other upgrades that were opened.",
  tunnels_closed: "WebSockets and other upgrades that have ended.",
  migration_fallbacks:
    "Requests that went to the other group of a migration, because theirs could not take them.",
  rate_limited: "Requests refused by a rate limit.",
  auth_failures: "Calls of management refused for their key.",
  answers_compressed: "Answers of backends that were compressed for the client.",
  compression_over_memory: "Answers that were not compressed because compression_memory_mb was in use.",
  http2_faults: "HTTP/2 connections and streams of clients that broke the rules.",
  stalls: "Times that a worker could not work for more than 100 ms.",
  spans_exported: "Spans that the collector of traces has taken.",
  spans_dropped: "Spans lost because the collector of traces did not keep up or refused them.",
  cache_hits: "Requests answered from the cache with a fresh response.",
  cache_stale_hits: "Requests answered from the cache with a response past its time.",
  cache_misses: "Requests that the cache had no usable response for.",
  cache_revalidations: "Stored responses that a backend has confirmed (304), or told of changes by HEAD.",
  cache_coalesced: "Requests that waited for the answer to another one and were answered with it.",
  cache_stored: "Responses that the cache has stored.",
  cache_evicted: "Stored responses that made way for others.",
  cache_invalidated: "URIs whose stored responses a successful unsafe request has made void.",
  cache_purged: "Stored responses that management has removed.",
  cache_bytes_out: "Bytes of bodies answered from the cache.",
  log_lines_dropped: "Log lines lost because the log could not keep up.",
  log_lines_thinned: "Log lines about refused requests left out because there were too many alike.",
} as const;

/** An answer of our own, by its code: how often a request ended with it. */
export type ErrorCounter = `errors_${ProxyErrorCode}`;
/** A filter that took backends away from requests that found none. */
export type RefusalCounter = `refusals_${FilterName}`;
export type CounterName = PlainCounter | ErrorCounter | RefusalCounter;
type PlainCounter = keyof typeof COUNTERS;

const ERROR_COUNTERS: ReadonlyMap<string, ErrorCounter> = new Map(
  PROXY_ERROR_CODES.map((code) => [code, `errors_${code}` as const]),
);

export const PLAIN_COUNTERS: readonly PlainCounter[] = Object.keys(COUNTERS).filter((name) => isPlain(name));

/** Every counter, in the order of the table. */
export const COUNTER_NAMES: readonly CounterName[] = [
  ...PLAIN_COUNTERS,
  ...ERROR_COUNTERS.values(),
  ...FILTER_NAMES.map(refusalCounter),
];

/** Gives the counter of a code that we answer with; null for what is none, such as "client_left". */
export function errorCounter(code: string): ErrorCounter | null {
  return ERROR_COUNTERS.get(code) ?? null;
}

/** Gives the counter of a filter. */
export function refusalCounter(filter: FilterName): RefusalCounter {
  return `refusals_${filter}`;
}

function isPlain(name: string): name is PlainCounter {
  return Object.hasOwn(COUNTERS, name);
}
