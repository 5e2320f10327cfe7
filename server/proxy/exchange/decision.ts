import type { Decision } from "../../../core/wire/console.ts";
import type { Exchange } from "./exchange.ts";

/** Longest path and address that are shown. */
const MAX_SHOWN = 256;

/** Writes down how a request was decided, at its end. Only for the few that somebody watches: it allocates. */
export function decisionOf(exchange: Exchange, ms: number): Decision {
  const { facts, head, query, delivery, plane } = exchange;
  const { pick } = delivery.choice;
  const scoredKm = Number.isNaN(pick.distanceKm) ? 0 : pick.distanceKm;
  const { strategy, figure } = plane.picker.figureOf(query, Math.max(0, pick.row), scoredKm);
  const isKnown = facts.place !== null && figure !== null && Number.isFinite(figure);
  return {
    at: Date.now(),
    tier: plane.tiers[query.tier]?.name ?? "",
    client: facts.clientIp.slice(0, MAX_SHOWN),
    method: head.method.slice(0, MAX_SHOWN),
    path: head.path.slice(0, MAX_SHOWN),
    backend: facts.clientId,
    strategy,
    score: isKnown ? tenths(figure) : null,
    session: facts.place === null ? "none" : pick.stickyOutcome,
    queued_ms: tenths(facts.queuedMs),
    attempts: facts.attempts,
    status: facts.status,
    code: facts.code,
    ms: tenths(ms),
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
