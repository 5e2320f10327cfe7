/** What the registry tells the API about backends, and what it answers to its callers. */

import type { BackendTerms } from "../../../core/config/schema/backend-schema.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import type { Report } from "../../../core/wire/report.ts";

import type { BackendSource } from "./backend-record.ts";

export type HealthStatus = "unknown" | "healthy" | "unhealthy";

/** A registered URL with its path patterns, as given. */
export interface EndpointState {
  readonly url: string;
  readonly paths: readonly string[];
}

/** Everything known of one backend at one moment; times are epoch milliseconds. */
export interface BackendState {
  readonly clientId: string;
  readonly hostname: string;
  readonly source: BackendSource;
  /** What operators have said of it. */
  readonly terms: BackendTerms;
  /** Row of the backend table. */
  readonly row: number;
  readonly generation: number;
  /** As registered, with hostname, place and totals. */
  readonly registration: Registration;
  /** URL of the primary endpoint. */
  readonly endpoint: string;
  readonly endpoints: readonly EndpointState[];
  /** Last applied report; null before the first one. */
  readonly report: Report | null;
  /** When the last report was received; null before the first one. */
  readonly reportedAtMs: number | null;
  /** Last registration or report. */
  readonly lastSeenMs: number;
  /** Seen within `stale_minutes`. */
  readonly active: boolean;
  readonly health: HealthStatus;
  /** Null before the first probe. */
  readonly lastHealthCheckMs: number | null;
  /** Average of successful probes; 0 before the first. */
  readonly latencyMs: number;
  readonly inFlight: number;
  /** Leases held, of both kinds. */
  readonly leases: number;
  /** Taken out of service: it gets nothing new. */
  readonly draining: boolean;
  /** A request of some tier would be sent there now. */
  readonly routable: boolean;
  /** Why not, for a person; null when routable. */
  readonly reason: string | null;
}

export type RegisterOutcome =
  /** Applied, seen by every worker. `token` is what the agent must show from now on. */
  | { readonly kind: "registered"; readonly token: string }
  /** The id belongs to somebody else: 409. */
  | { readonly kind: "conflict"; readonly detail: string }
  /** A field is wrong in a way that the schema cannot say: 400. */
  | { readonly kind: "invalid"; readonly errors: readonly FieldError[] }
  /** No room for another backend: 503. */
  | { readonly kind: "full"; readonly detail: string }
  | Busy;

export type ReportOutcome =
  /** `detail` says what was not taken at its word; null when nothing was. */
  | { readonly kind: "applied"; readonly detail: string | null }
  /** Older than the last one: 200 with status "ignored". */
  | { readonly kind: "ignored"; readonly detail: string }
  /** No such backend: 404. */
  | { readonly kind: "unknown"; readonly detail: string }
  /** The token is missing or wrong: 403. */
  | { readonly kind: "forbidden"; readonly detail: string }
  | { readonly kind: "invalid"; readonly errors: readonly FieldError[] };

export type RemoveOutcome =
  | { readonly kind: "removed" }
  | { readonly kind: "unknown"; readonly detail: string }
  | { readonly kind: "forbidden"; readonly detail: string }
  | Busy;

export type DrainOutcome =
  /** It gets nothing new. `isIdle`: it has nothing left to do either. */
  | {
      readonly kind: "draining";
      readonly isIdle: boolean;
      readonly inFlight: number;
      readonly leases: number;
    }
  | { readonly kind: "unknown"; readonly detail: string }
  | { readonly kind: "forbidden"; readonly detail: string };

export type UndrainOutcome =
  | { readonly kind: "in_service" }
  | { readonly kind: "unknown"; readonly detail: string }
  | { readonly kind: "forbidden"; readonly detail: string };

/** Too many calls for the same id wait: 503. */
export interface Busy {
  readonly kind: "busy";
  readonly detail: string;
}

/** Counts of `POST /clients/purge`. */
export interface PurgeResult {
  readonly cachePurged: number;
  readonly dbPurged: number;
}

/** Answer of `GET /ready`. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not; null when ready. */
  readonly reason: string | null;
}

/** Counts of `GET /health`. */
export interface Totals {
  readonly total: number;
  readonly active: number;
}
