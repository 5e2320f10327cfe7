import type { ColumnCursor } from "../buffer-layout.ts";

/** Endpoints of a backend that have a breaker of their own; those beyond share the last one. */
export const BREAKERS_PER_ROW = 8;

/** The circuit breakers of endpoints, {@link BREAKERS_PER_ROW} per row; guarded by the row's lock. See BreakerState. */
export interface BreakerColumns {
  readonly openUntilMs: Float64Array;
  readonly closedAtMs: Float64Array;
  readonly windowEndMs: Float64Array;
  /** When the trial that is under way began, which also tells it from one that it has replaced. */
  readonly trialSinceMs: Float64Array;
  readonly openings: Int32Array;
  readonly failures: Int32Array;
  readonly connectFailures: Int32Array;
  readonly trialSuccesses: Int32Array;
  readonly windowRequests: Int32Array;
  readonly windowFailures: Int32Array;
  /** Mark of the thread whose request is the trial of a half-open breaker; 0 = none is under way. */
  readonly trial: Int32Array;
}

export function declareBreakerColumns(cursor: ColumnCursor, capacity: number): BreakerColumns {
  const slots = capacity * BREAKERS_PER_ROW;
  return {
    openUntilMs: cursor.float64(slots),
    closedAtMs: cursor.float64(slots),
    windowEndMs: cursor.float64(slots),
    trialSinceMs: cursor.float64(slots),
    openings: cursor.int32(slots),
    failures: cursor.int32(slots),
    connectFailures: cursor.int32(slots),
    trialSuccesses: cursor.int32(slots),
    windowRequests: cursor.int32(slots),
    windowFailures: cursor.int32(slots),
    trial: cursor.int32(slots),
  };
}

/** Closes every breaker of a row and forgets what it has seen. */
export function clearBreakers(columns: BreakerColumns, row: number): void {
  const { openUntilMs, closedAtMs, windowEndMs, trialSinceMs, ...counts } = columns;
  const { openings, failures, connectFailures, trialSuccesses, windowRequests, windowFailures, trial } =
    counts;
  const from = row * BREAKERS_PER_ROW;
  const to = from + BREAKERS_PER_ROW;
  for (const column of [openUntilMs, closedAtMs, windowEndMs, trialSinceMs]) column.fill(0, from, to);
  for (const column of [openings, failures, connectFailures, trialSuccesses]) column.fill(0, from, to);
  for (const column of [windowRequests, windowFailures, trial]) column.fill(0, from, to);
}

/** Gives the breaker of endpoint number `endpoint` of a row. */
export function breakerOf(row: number, endpoint: number): number {
  return row * BREAKERS_PER_ROW + Math.min(Math.max(endpoint, 0), BREAKERS_PER_ROW - 1);
}
