/** Keys of `server.yml` about failures and overload: breakers, retries, limits, queues. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, list, number } from "./fields.ts";

const DAY_SECONDS = 86_400;
const PERCENT = { minimum: 0, maximum: 100 };
const COUNT = { minimum: 0, maximum: 1_000_000 };

export const RESILIENCE_KEYS = {
  breaker_enabled: bool(
    true,
    "Take an endpoint out of service for a while when requests to it fail (circuit breaker, outlier ejection).",
  ),
  breaker_failures: int(
    5,
    COUNT,
    "Failures in a row (no valid answer, or a status of 500 and above) that take an endpoint out; 0 = any number.",
  ),
  breaker_connect_failures: int(
    1,
    COUNT,
    "Failures to connect in a row that take an endpoint out; 0 = any number.",
  ),
  breaker_failure_percent: int(
    50,
    PERCENT,
    "Share of failures within `breaker_window_seconds` that takes an endpoint out; 0 = any share.",
  ),
  breaker_min_requests: int(
    20,
    { minimum: 1, maximum: 1_000_000 },
    "Requests that such a window must have had.",
  ),
  breaker_window_seconds: int(10, { minimum: 1, maximum: 3600 }, "Length of such a window."),
  breaker_open_seconds: int(
    10,
    { minimum: 1, maximum: 3600 },
    "How long an endpoint is out the first time; the n-th time in a row n times as long. Then one request tries it.",
  ),
  breaker_max_open_seconds: int(300, { minimum: 1, maximum: DAY_SECONDS }, "Longest time that it is out."),
  breaker_successes: int(
    1,
    { minimum: 1, maximum: 1000 },
    "Tries in a row that must succeed until an endpoint is back.",
  ),
  breaker_half_open_timeout_seconds: int(
    30,
    { minimum: 1, maximum: 3600 },
    "How long a try keeps other requests away; one that takes longer, as a slow upload may, lets the next one try.",
  ),
  max_ejection_percent: int(
    50,
    PERCENT,
    "Share of the backends that breakers may take out at one time; below one backend, none.",
  ),
  panic_threshold_percent: int(
    0,
    PERCENT,
    "Below this share of healthy backends all of them are used, healthy or not; 0 = never.",
  ),
  slow_start_seconds: int(
    0,
    { minimum: 0, maximum: 3600 },
    "How long a backend that is back takes to get its whole share; 0 = at once.",
  ),

  retry_attempts: int(
    2,
    { minimum: 0, maximum: 10 },
    "How often a request may be sent again after it got no answer. Only methods that may be repeated (RFC 9110 section 9.2.2), and only while the whole body is still here. A connection that could not be made is passed over for another backend whatever the method, and does not count.",
  ),
  retry_on_statuses: list(
    Type.Integer({ minimum: 500, maximum: 599 }),
    "Statuses of a backend upon which such a request is sent to another one.",
    100,
  ),
  retry_backoff_ms: int(
    25,
    { minimum: 0, maximum: 60_000 },
    "Longest wait before the first retry, in milliseconds; it grows with each, and chance takes a part off.",
  ),
  retry_backoff_multiplier: number(
    2,
    { minimum: 1, maximum: 10 },
    "By how much that wait grows with each retry.",
  ),
  retry_backoff_max_ms: int(
    250,
    { minimum: 0, maximum: 60_000 },
    "Longest wait before any retry, in milliseconds.",
  ),
  retry_budget_percent: int(
    20,
    PERCENT,
    "Retries as a share of the requests to backends with the same paths: of those in flight at one time, and of all in the long run.",
  ),
  retry_budget_min: int(
    10,
    { minimum: 0, maximum: 100_000 },
    "Retries that may be under way however few requests there are; as many come back within 10 seconds.",
  ),
  retry_body_bytes: int(
    65_536,
    { minimum: 0, maximum: 16_777_216 },
    "Largest request body that is kept to be sent again.",
  ),

  max_in_flight_per_backend: int(
    0,
    COUNT,
    "Requests that one backend may have in flight, unless it says otherwise; 0 = no limit.",
  ),
  max_connections_per_backend: int(
    0,
    COUNT,
    "Connections that all workers together may have to one backend, unless it says otherwise; 0 = no limit.",
  ),
  queue_timeout_seconds: int(
    0,
    { minimum: 0, maximum: 3600 },
    "How long a request waits for room when all backends that could take it are full; 0 = it is refused at once.",
  ),
  queue_max: int(1024, { minimum: 1, maximum: 1_000_000 }, "Requests that may wait at one time."),
  max_client_connections: int(
    0,
    { minimum: 0, maximum: 10_000_000 },
    "Client connections that may be open at one time; 0 = what the limit on open files allows.",
  ),
  max_connections_per_address: int(
    0,
    COUNT,
    "Connections that one client address may have open (IPv6: one /64); `trusted_proxies` may have any number; 0 = no limit.",
  ),
  total_timeout_seconds: int(
    0,
    { minimum: 0, maximum: 7 * DAY_SECONDS },
    "Longest time from a request's head to the end of its answer, event streams included; 0 = no limit.",
  ),
  min_client_bytes_per_second: int(
    0,
    { minimum: 0, maximum: 1_000_000_000 },
    "Slowest average over 10 seconds at which a client may send a body or take an answer while we wait for it; 0 = any.",
  ),
} as const;
