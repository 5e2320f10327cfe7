/** A backend as the registry keeps it, and its other forms: for workers, for the database. */
import type { BackendConfig, BackendTerms } from "../../../core/config/schema/backend-schema.ts";
import type { Backend, Endpoint, Origin } from "../../../core/plane/snapshot.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import type { Tagged } from "../migration/groups.ts";
import type { DrainedBy, StoredBackend, StoredReport } from "../store/rows.ts";
import type { EndpointState, HealthStatus } from "./backend-state.ts";
import type { Ownership } from "./ownership.ts";

/** The parts of a backend that a registration sets. */
export interface Admitted {
  readonly registration: Registration;
  /** At least one; the first is the primary. */
  readonly endpoints: readonly Endpoint[];
  /** Path patterns of each endpoint. */
  readonly patterns: readonly (readonly string[])[];
  readonly loopbackAllowed: boolean;
}

/** Who made a backend known: its agent, the configuration, a call at run time, or a name that was looked up. */
export type BackendSource = "agent" | "config" | "api" | "dns";

/** One backend; the registry replaces parts as news arrives. Times are of the clock by which everything ages. */
export interface BackendRecord {
  readonly clientId: string;
  readonly row: number;
  readonly generation: number;
  source: BackendSource;
  admitted: Admitted;
  /** What operators have said of it. */
  terms: BackendTerms;
  /** What it has to give, of a backend without an agent. */
  resources: BackendConfig["resources"];
  pathGroup: number;
  ownership: Ownership;
  readonly createdMs: number;
  /** Last registration or report. */
  lastSeenMs: number;
  /** When it was loaded after a restart, which counts as seen for one stale window; 0 when it was not. */
  readonly loadedMs: number;
  lastReport: StoredReport | null;
  health: HealthStatus;
  latencyMs: number;
  checkedAtMs: number | null;
  /** Who has taken it out of service; null when nobody has. */
  drainedBy: DrainedBy | null;
}

export function toBackend(record: BackendRecord): Backend {
  return {
    row: record.row,
    generation: record.generation,
    clientId: record.clientId,
    hostname: record.admitted.registration.hostname ?? "",
    endpoints: record.admitted.endpoints,
    pathGroup: record.pathGroup,
    loopbackAllowed: record.admitted.loopbackAllowed,
  };
}

export function toStored(record: BackendRecord): StoredBackend {
  return {
    registration: record.admitted.registration,
    endpoints: endpointStates(record.admitted),
    loopbackAllowed: record.admitted.loopbackAllowed,
    tokenHash: record.ownership.tokenHash,
    tokenShown: record.ownership.tokenShown,
    createdMs: record.createdMs,
    lastSeenMs: record.lastSeenMs,
    report: record.lastReport,
    drainedBy: record.drainedBy,
  };
}

export function endpointStates(admitted: Admitted): EndpointState[] {
  return admitted.endpoints.map((endpoint, index) => ({
    url: endpoint.url,
    paths: admitted.patterns[index] ?? [],
  }));
}

/** Tells whether a backend was heard of within that time; one without an agent need not be. */
export function isActive(record: BackendRecord, nowMs: number, withinMs: number): boolean {
  return record.source !== "agent" || nowMs - Math.max(record.lastSeenMs, record.loadedMs) <= withinMs;
}

/** Bit i says that endpoint i is at an origin of which that is true; endpoints beyond the bits are left out. */
export function endpointBits(record: BackendRecord, isTrue: (origin: Origin) => boolean): number {
  let bits = 0;
  for (const [index, { origin }] of record.admitted.endpoints.slice(0, MAX_BITS).entries()) {
    if (isTrue(origin)) bits |= 1 << index;
  }
  return bits;
}

/** Endpoints that a word of bits tells apart. */
const MAX_BITS = 31;

/** The groups that a backend is in: those that operators put it in, and those that its agent names. */
export function tagsOf(terms: BackendTerms, registration: Registration): string[] {
  return [...new Set([...(terms.tags ?? []), ...(registration.tags ?? [])])];
}

export function toTagged(record: BackendRecord): Tagged {
  const { clientId, row, generation, terms, admitted } = record;
  return { clientId, row, generation, tags: tagsOf(terms, admitted.registration) };
}

/** Tells whether two registrations send requests to the same places. */
export function hasSameEndpoints(a: Admitted, b: Admitted): boolean {
  return JSON.stringify(endpointStates(a)) === JSON.stringify(endpointStates(b));
}
