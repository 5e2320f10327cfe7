/** The one place that knows backends: who they are, who may speak for them, what they last reported. */
import type { Registration } from "../../core/wire/registration.ts";
import type { Report } from "../../core/wire/report.ts";
import type {
  BackendState,
  PurgeResult,
  Readiness,
  RegisterOutcome,
  RemoveOutcome,
  ReportOutcome,
  Totals,
} from "./backend-state.ts";

/** What the API needs of the registry; {@link Registry} is the implementation. */
export interface BackendRegistry {
  /** Resolves once every worker routes by the new registration. `peer` is the address of the caller. */
  register(registration: Registration, peer: string, token: string | null): Promise<RegisterOutcome>;
  /** Applies a report at once: the next pick of any worker sees it. */
  report(report: Report, token: string | null, nowMs: number): ReportOutcome;
  /** Forgets a backend with its leases and sticky assignments; a null token is an administrator's. */
  remove(clientId: string, token: string | null): Promise<RemoveOutcome>;
  /** All backends, ordered by id. */
  list(nowMs: number): readonly BackendState[];
  get(clientId: string, nowMs: number): BackendState | null;
  /** Id of the backend in a row, for leases; null for a row that is not in use. */
  clientIdOfRow(row: number): string | null;
  /** Removes backends unseen for longer than `stale_minutes`. */
  purgeStale(nowMs: number): Promise<PurgeResult>;
  /** Ends every lease; the number ended. */
  purgeLeases(nowMs: number): number;
  readiness(nowMs: number): Readiness;
  totals(nowMs: number): Totals;
}
