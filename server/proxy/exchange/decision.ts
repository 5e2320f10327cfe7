import { f64 } from "../../../core/table/buffer-layout.ts";
import type { Decision } from "../../../core/wire/console.ts";
import type { Exchange } from "./exchange.ts";

/** Longest path and address that are shown. */
const MAX_SHOWN = 256;

/** Writes down how a request was decided, at its end. Only for the few that somebody watches: it allocates. */
export function decisionOf(exchange: Exchange, ms: number): Decision {
  const { facts, head, query, delivery, plane } = exchange;
  const { pick } = delivery.choice;
  return {
    at: Date.now(),
    tier: plane.tiers[query.tier]?.name ?? "",
    client: facts.clientIp.slice(0, MAX_SHOWN),
    method: head.method.slice(0, MAX_SHOWN),
    path: head.path.slice(0, MAX_SHOWN),
    backend: facts.clientId,
    strategy: "resource",
    score: facts.place === null ? null : scoreOf(exchange, pick.row, pick.distanceKm),
    session: facts.place === null ? "none" : pick.stickyOutcome,
    queued_ms: tenths(facts.queuedMs),
    attempts: facts.attempts,
    status: facts.status,
    code: facts.code,
    ms: tenths(ms),
  };
}

/** What the row scores by its last report; null before the first one. */
function scoreOf({ plane, query }: Exchange, row: number, distanceKm: number): number | null {
  const column = plane.tables.backends.columns.baseScore[query.tier];
  if (column === undefined || row < 0) return null;
  const away = Number.isNaN(distanceKm) ? 0 : distanceKm * plane.decisions.distanceWeight;
  const score = f64(column, row) + away;
  return Number.isFinite(score) ? tenths(score) : null;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
