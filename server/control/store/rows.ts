/** Rows of the database as the rest of the control plane knows them. Times are epoch milliseconds. */
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type Migration, MigrationSchema } from "../../../core/migration/migration.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import { type Report, ReportSchema } from "../../../core/wire/report.ts";
import type { EndpointState } from "../registry/backend-state.ts";

/** What a restart needs to know of a backend. */
export interface StoredBackend {
  readonly registration: Registration;
  readonly endpoints: readonly EndpointState[];
  readonly loopbackAllowed: boolean;
  /** SHA-256 of the agent's token in hex; null for a backend of the original's database. */
  readonly tokenHash: string | null;
  readonly tokenShown: boolean;
  readonly createdMs: number;
  readonly lastSeenMs: number;
  readonly report: StoredReport | null;
  /** Who has taken it out of service; null when nobody has. */
  readonly drainedBy: DrainedBy | null;
}

/** Its agent, which is back when it registers, or somebody who will say so. */
export type DrainedBy = "agent" | "operator";

export interface StoredReport {
  readonly report: Report;
  readonly receivedMs: number;
  /** The agent's own time of it. */
  readonly timestampMs: number;
}

export interface StoredSticky {
  readonly stickyId: string;
  readonly tier: string;
  readonly clientId: string;
  readonly lastUsedMs: number;
}

/** Columns of `clients` as SQLite returns them; those of the original may be null. */
export interface ClientRow {
  readonly client_id: string;
  readonly hostname: string | null;
  readonly public_ip: string | null;
  readonly local_ip: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly country: string | null;
  readonly city: string | null;
  readonly total_cpu: number | null;
  readonly total_memory: number | null;
  readonly total_storage: number | null;
  readonly total_gpus: number | null;
  readonly gpu_models: string | null;
  readonly endpoint: string | null;
  readonly created_ms: number | null;
  readonly last_seen_ms: number | null;
  readonly endpoints_json: string | null;
  readonly loopback_allowed: number | null;
  readonly token_hash: string | null;
  readonly token_shown: number | null;
  readonly last_report_json: string | null;
  readonly last_report_ms: number | null;
  readonly last_report_timestamp_ms: number | null;
  readonly max_in_flight: number | null;
  readonly max_connections: number | null;
  readonly drained_by: string | null;
  readonly tags_json: string | null;
}

/** Reads a row of `clients`; JSON that does not parse counts as absent. */
export function toStoredBackend(row: ClientRow): StoredBackend {
  const endpoints = parseAs(EndpointsSchema, row.endpoints_json);
  return {
    registration: toRegistration(row),
    endpoints: endpoints ?? (row.endpoint === null ? [] : [{ url: row.endpoint, paths: [] }]),
    // The original keeps no endpoints, and let any agent name the loopback address.
    loopbackAllowed: row.loopback_allowed === 1 || endpoints === null,
    tokenHash: row.token_hash,
    tokenShown: row.token_shown === 1,
    createdMs: row.created_ms ?? 0,
    lastSeenMs: row.last_seen_ms ?? 0,
    report: toStoredReport(row),
    drainedBy: row.drained_by === "agent" || row.drained_by === "operator" ? row.drained_by : null,
  };
}

/** Parameters of the statement that writes a row of `clients`. */
export function clientParameters(
  stored: StoredBackend,
  wallOf: (ms: number) => number,
  toText: (epochMs: number) => string,
) {
  const registration = stored.registration;
  return {
    client_id: registration.client_id,
    hostname: registration.hostname ?? "",
    public_ip: registration.public_ip ?? "",
    local_ip: registration.local_ip ?? "",
    latitude: registration.latitude ?? null,
    longitude: registration.longitude ?? null,
    country: registration.country ?? "",
    city: registration.city ?? "",
    total_cpu: registration.total_cpu ?? 0,
    total_memory: registration.total_memory_gb ?? 0,
    total_storage: registration.total_storage_gb ?? 0,
    total_gpus: registration.total_gpus ?? 0,
    gpu_models: JSON.stringify(registration.gpu_models ?? []),
    endpoint: stored.endpoints[0]?.url ?? "",
    created_at: toText(wallOf(stored.createdMs)),
    last_seen: toText(wallOf(stored.lastSeenMs)),
    endpoints_json: JSON.stringify(stored.endpoints),
    loopback_allowed: stored.loopbackAllowed ? 1 : 0,
    token_hash: stored.tokenHash,
    token_shown: stored.tokenShown ? 1 : 0,
    last_seen_ms: wallOf(stored.lastSeenMs),
    last_report_json: stored.report === null ? null : JSON.stringify(stored.report.report),
    last_report_ms: stored.report === null ? null : wallOf(stored.report.receivedMs),
    last_report_timestamp_ms: stored.report?.timestampMs ?? null,
    max_in_flight: registration.max_in_flight ?? null,
    max_connections: registration.max_connections ?? null,
    drained_by: stored.drainedBy,
    tags_json: registration.tags === undefined ? null : JSON.stringify(registration.tags),
  };
}

/** Parameters of the statement that adds a row of `stats`. */
export function statsParameters(
  stored: StoredReport,
  wallOf: (ms: number) => number,
  toText: (epochMs: number) => string,
) {
  const report = stored.report;
  return {
    client_id: report.client_id,
    timestamp: toText(stored.timestampMs),
    cpu_cores: report.cpu_cores ?? 0,
    cpu_usage_json: JSON.stringify(report.cpu_usage_avg ?? []),
    memory_total: report.memory_total_gb ?? 0,
    memory_used: report.memory_used_gb ?? 0,
    memory_avail: report.memory_avail_gb ?? 0,
    disk_total: report.disk_total_gb ?? 0,
    disk_used: report.disk_used_gb ?? 0,
    disk_avail: report.disk_avail_gb ?? 0,
    gpu_stats_json: JSON.stringify(report.gpus ?? []),
    received_ms: wallOf(stored.receivedMs),
  };
}

/** Reads a migration as the database holds it; null for what is damaged. */
export function toMigration(text: string | null): Migration | null {
  return parseAs(MigrationSchema, text);
}

function toRegistration(row: ClientRow): Registration {
  const models = parseAs(NamesSchema, row.gpu_models);
  const tags = parseAs(NamesSchema, row.tags_json);
  return {
    client_id: row.client_id,
    hostname: row.hostname ?? "",
    public_ip: row.public_ip ?? "",
    local_ip: row.local_ip ?? "",
    ...(row.latitude === null ? {} : { latitude: row.latitude }),
    ...(row.longitude === null ? {} : { longitude: row.longitude }),
    country: row.country ?? "",
    city: row.city ?? "",
    total_cpu: row.total_cpu ?? 0,
    total_memory_gb: row.total_memory ?? 0,
    total_storage_gb: row.total_storage ?? 0,
    total_gpus: row.total_gpus ?? 0,
    ...(models === null || models.length === 0 ? {} : { gpu_models: models }),
    ...(tags === null || tags.length === 0 ? {} : { tags }),
    ...(row.max_in_flight === null ? {} : { max_in_flight: row.max_in_flight }),
    ...(row.max_connections === null ? {} : { max_connections: row.max_connections }),
  };
}

function toStoredReport(row: ClientRow): StoredReport | null {
  const report = parseAs(ReportSchema, row.last_report_json);
  if (report === null || row.last_report_ms === null) return null;
  return {
    report,
    receivedMs: row.last_report_ms,
    timestampMs: row.last_report_timestamp_ms ?? row.last_report_ms,
  };
}

/** Reads JSON that this program wrote; what is damaged or of another shape since counts as absent. */
function parseAs<S extends TSchema>(schema: S, text: string | null): Static<S> | null {
  if (text === null || text === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(schema, value) ? value : null;
  } catch {
    return null;
  }
}

const EndpointsSchema = Type.Array(Type.Object({ url: Type.String(), paths: Type.Array(Type.String()) }));
const NamesSchema = Type.Array(Type.String());
