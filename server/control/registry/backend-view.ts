/** How a backend is shown. */
import {
  FILTER_NAMES,
  FIRST_CAPACITY_FILTER,
  type Verdict,
  type VerdictFigures,
} from "../../../core/balancing/filters.ts";
import { newPickQuery } from "../../../core/balancing/pick.ts";
import type { Picker } from "../../../core/balancing/picker.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import { type BackendRecord, endpointStates } from "./backend-record.ts";
import type { BackendState } from "./backend-state.ts";

/** Whether a request of some tier would be sent to a backend now. */
export interface Room {
  readonly routable: boolean;
  /** Why not; null when routable. */
  readonly reason: string | null;
  readonly figures: VerdictFigures;
}

/** Copies what is known of a backend into a value that stays as it is, with times of the wall clock. */
export function toState(
  record: BackendRecord,
  active: boolean,
  room: Room,
  wallOf: (ms: number) => number,
): BackendState {
  const { admitted, lastReport } = record;
  return {
    clientId: record.clientId,
    hostname: admitted.registration.hostname ?? "",
    source: record.source,
    terms: record.terms,
    row: record.row,
    generation: record.generation,
    registration: admitted.registration,
    endpoint: admitted.endpoints[0]?.url ?? "",
    endpoints: endpointStates(admitted),
    report: lastReport?.report ?? null,
    reportedAtMs: lastReport === null ? null : wallOf(lastReport.receivedMs),
    lastSeenMs: wallOf(record.lastSeenMs),
    active,
    health: record.health,
    lastHealthCheckMs: record.checkedAtMs === null ? null : wallOf(record.checkedAtMs),
    latencyMs: record.latencyMs,
    inFlight: room.figures.inFlight,
    leases: room.figures.leases,
    draining: record.drainedBy !== null,
    routable: room.routable,
    reason: room.reason,
  };
}

/** Asks the filters, tier by tier, whether anything would be sent to a row. */
export function roomOf(picker: Picker, tiers: readonly Tier[], row: number, nowMs: number): Room {
  const query = newPickQuery(0);
  query.nowMs = nowMs;
  const first = picker.verdict(row, query);
  let verdict = first;
  while (isFull(verdict) && query.tier < tiers.length - 1) {
    query.tier++;
    // A tier that is gone has a number, but no name.
    if (tiers[query.tier]?.name === "") continue;
    verdict = picker.verdict(row, query);
  }
  const reason = isFull(verdict) ? `no room for any tier (${first.reason})` : verdict.reason;
  return { routable: verdict.filter === null, reason, figures: verdict.figures };
}

/** Why each of some backends is not routable; the first few, for a person. */
export function reasonsOf(states: readonly BackendState[]): string {
  const shown = states.slice(0, MAX_REASONS).map((state) => `${state.clientId}: ${state.reason}`);
  const rest = states.length - shown.length;
  return `${shown.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}

const MAX_REASONS = 5;

function isFull(verdict: Verdict): boolean {
  return verdict.filter !== null && FILTER_NAMES.indexOf(verdict.filter) >= FIRST_CAPACITY_FILTER;
}
