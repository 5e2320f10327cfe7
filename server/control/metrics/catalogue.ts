/** What `GET /metrics` tells. */
import { COUNTERS, type CounterName, PLAIN_COUNTERS } from "../../../core/table/counter-names.ts";
import type { Tables } from "../../../core/table/tables.ts";
import { PROXY_ERROR_CODES } from "../../../core/wire/proxy-error.ts";
import type { Family } from "./prometheus.ts";

/** State that is not counted but looked up. */
export interface Gauges {
  readonly backends: number;
  /** Heard of within `stale_minutes`. */
  readonly active: number;
  readonly leases: number;
  readonly isDegraded: boolean;
  /** What the cache holds, in all workers together. */
  readonly cached: { readonly entries: number; readonly bytes: number };
}

/** Counters that are one family with a label. */
const BY_CLASS = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export function families(counters: Tables["counters"], gauges: Gauges): Family[] {
  const sum = (name: CounterName): number => counters.sum(name);
  const plain = PLAIN_COUNTERS.filter((name) => !name.startsWith("responses_"));
  return [
    ...plain.map((name) => counter(name, COUNTERS[name], [{ labels: {}, value: sum(name) }])),
    counter(
      "responses",
      "Requests that have ended, by the class of their status.",
      BY_CLASS.map((status) => ({ labels: { class: status }, value: sum(`responses_${status}`) })),
    ),
    counter(
      "errors",
      "Requests that were answered with an error of the server itself, by its X-Opsen-Error.",
      PROXY_ERROR_CODES.map((code) => ({ labels: { code }, value: sum(`errors_${code}`) })),
    ),
    gauge("backends", "Backends that are registered.", gauges.backends),
    gauge("backends_active", "Backends heard of within stale_minutes.", gauges.active),
    gauge("cache_entries", "Responses that the cache holds.", gauges.cached.entries),
    gauge("cache_bytes", "Memory that they take, in bytes.", gauges.cached.bytes),
    gauge("leases", "Reservations that are held.", gauges.leases),
    gauge(
      "degraded",
      "1 while something does not work that should, such as the database.",
      Number(gauges.isDegraded),
    ),
  ];
}

function counter(name: string, help: string, samples: Family["samples"]): Family {
  return { name: `opsen_${name}_total`, help, type: "counter", samples };
}

function gauge(name: string, help: string, value: number): Family {
  return { name: `opsen_${name}`, help, type: "gauge", samples: [{ labels: {}, value }] };
}
