import { FILTER_NAMES, type FilterCounts } from "../../../core/balancing/filters.ts";
import type { Pick, PickStatus } from "../../../core/balancing/pick.ts";
import { refusalCounter } from "../../../core/table/figures/counter-names.ts";
import { problem, retryAfter } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { UpstreamPool } from "../exchange/sides.ts";
import type { Place } from "./directory.ts";

export type Refused = Exclude<PickStatus, "picked">;

/** A finished request gives room at once; a backend comes back with its next report or probe. */
const WAIT_MS: Record<Refused, number> = { no_capacity: 1000, no_backend: 5000 };

/**
 * Picks a backend for the request's next attempt and gives the pool of the endpoint that serves its path. "moved": the
 * row was given away a moment ago, and this worker has not heard of its new backend yet.
 */
export function chooseBackend(exchange: Exchange, pick: Pick): UpstreamPool | Refused | "moved" {
  const { query, plane, facts, head, trace } = exchange;
  const startMs = trace?.nowMs ?? 0;
  query.nowMs = plane.now();
  query.endpointOfGroup = plane.directory.endpointsFor(head.path);
  const status = plane.picker.pick(query, pick);
  plane.count("picks");
  const place = status === "picked" ? placeOf(exchange, pick) : null;
  trace?.picked(startMs, status, place);
  if (status !== "picked") return status;
  const pool = place?.pools[pick.endpoint];
  if (place === null || pool === undefined) return "moved";
  facts.chose(exchange, place, pick);
  return pool;
}

/**
 * The picked backend as this worker knows it, if it does. The table may not have its latest path group yet, or have it
 * before this worker has: the endpoint is one of the backend's own.
 */
export function placeOf(exchange: Exchange, pick: Pick): Place | null {
  const place = exchange.plane.directory.place(pick.row, pick.generation);
  const endpoints = exchange.query.endpointOfGroup;
  if (place !== null) pick.endpoint = Math.max(0, endpoints?.[place.backend.pathGroup] ?? 0);
  return place;
}

/** Answers that no backend can take the request. On proxied paths the counts go to the log, not to end users. */
export function refusePick(exchange: Exchange, status: Refused): void {
  const { plane, query, facts } = exchange;
  plane.count(status === "no_backend" ? "picks_no_backend" : "picks_no_capacity");
  const tier = plane.tiers[query.tier]?.name ?? "";
  const counts = plane.picker.refusals(query);
  const { leaseTableFull, ...filters } = counts;
  for (const filter of FILTER_NAMES) if (counts[filter] > 0) plane.count(refusalCounter(filter));
  const wait = retryAfter(WAIT_MS[status]);
  plane.log.warn("no backend for a request", {
    code: status,
    tier,
    ...filters,
    lease_table_full: leaseTableFull ? true : undefined,
  });
  if (facts.management) {
    exchange.answer(problem(503, "No backend available", refusalDetail(tier, counts), [wait]), status);
  } else exchange.refuse(status, [wait]);
}

/** `Of 5 backends none can take tier "large"; removed: 2 by stale, 3 by memory.` */
function refusalDetail(tier: string, counts: FilterCounts): string {
  const { total, leaseTableFull, ...filters } = counts;
  if (total === 0) return "No backend is registered. Start an agent on a backend.";
  const removed = Object.entries(filters)
    .filter(([, rows]) => rows > 0)
    .map(([filter, rows]) => `${rows} by ${filter}`);
  const full = leaseTableFull ? " The lease table is full; see max_leases." : "";
  return `Of ${total} backends none can take tier "${tier}"; removed: ${removed.join(", ") || "none"}.${full}`;
}
