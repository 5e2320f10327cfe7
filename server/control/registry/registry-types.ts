/** What the registry offers to the API, and what it needs of the rest of the control plane. */
import type { Picker } from "../../../core/balancing/picker.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Backend, Origin, PathGroup, Tier } from "../../../core/plane/snapshot.ts";
import type { Place } from "../../../core/scoring/index.ts";
import type { MigrationGroup } from "../../../core/table/backend/migration-split.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import type { Report } from "../../../core/wire/report.ts";
import type { EndpointPolicy } from "../admission/endpoint-policy.ts";
import type { BackendHealth } from "../health/prober.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";
import type {
  BackendState,
  DrainOutcome,
  PurgeResult,
  Readiness,
  RegisterOutcome,
  RemoveOutcome,
  ReportOutcome,
  Totals,
  UndrainOutcome,
} from "./backend-state.ts";
import type { Caller } from "./ownership.ts";

/** What the API needs of the registry; {@link Registry} is the implementation. */
export interface BackendRegistry {
  /** Resolves once every worker routes by the new registration. `peer` is the address of the caller. */
  register(registration: Registration, peer: string, token: string | null): Promise<RegisterOutcome>;
  /** Applies a report at once: the next pick of any worker sees it. */
  report(report: Report, token: string | null, nowMs: number): ReportOutcome;
  /** Forgets a backend with its leases and sticky assignments; without a token it is an administrator's wish. */
  remove(clientId: string, caller: Caller): Promise<RemoveOutcome>;
  /** Gives a backend nothing new, and tells how busy it is once it is idle or the time is over. */
  drain(clientId: string, caller: Caller, withinMs: number): Promise<DrainOutcome>;
  /** Takes that back. */
  undrain(clientId: string, caller: Caller): Promise<UndrainOutcome>;
  /** All backends, ordered by id. */
  list(nowMs: number): readonly BackendState[];
  get(clientId: string, nowMs: number): BackendState | null;
  /** Id of the backend in a row, for leases; null for a row that is not in use. */
  clientIdOfRow(row: number): string | null;
  /** Removes backends unseen for longer than `stale_minutes`. */
  purgeStale(nowMs: number): Promise<PurgeResult>;
  /** Ends every lease; the number ended. */
  purgeLeases(): number;
  readiness(nowMs: number): Readiness;
  /** Why what is answered may not survive a restart; null when it does. */
  readonly degraded: string | null;
  totals(nowMs: number): Totals;
  /** Every group of path patterns by its number, those that no backend has any more included, as workers know them. */
  readonly pathGroups: readonly PathGroup[];
}

/** A change for the workers. */
export interface BackendUpdate {
  readonly row: number;
  readonly backend: Backend | null;
  readonly newPathGroups: { readonly index: number; readonly groups: readonly PathGroup[] };
}

export interface RegistryDeps {
  /** These three may be others at any time. */
  readonly config: ServerConfig;
  readonly tiers: readonly Tier[];
  readonly picker: Picker;
  readonly tables: Tables;
  readonly policy: EndpointPolicy;
  readonly store: Store;
  /** Null when health checks are off. */
  readonly prober: Watcher | null;
  /** Resolves once every worker has applied the change. */
  readonly publish: (update: BackendUpdate) => Promise<void>;
  /** The part that a backend with some tags has in migrations. */
  readonly groupOf: (tags: readonly string[]) => MigrationGroup;
  readonly log: Logger;
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
  /** What of it people are told. */
  readonly wallOf: (ms: number) => number;
  /** Where an address is; absent without a GeoIP database. */
  readonly locate?: (address: string) => Place | null;
}

/** What the registry needs of the prober. */
export interface Watcher {
  watch(backend: Backend): void;
  forget(clientId: string): void;
  healthOf(clientId: string): BackendHealth | null;
  hurry(clientId: string, origin: Origin): void;
}

/** What is said of an id that nobody has. */
export function unknownId(clientId: string): string {
  return `no backend has the client_id ${clientId}; register it first (POST /register)`;
}
