/** One backend as `GET /backends` shows it. */

import { breakerOf } from "../../../core/table/backend/breaker-columns.ts";
import { f64, i32 } from "../../../core/table/buffer-layout.ts";
import type { GpuReport, Report } from "../../../core/wire/report.ts";
import { tagsOf } from "../registry/backend-record.ts";
import type { BackendState } from "../registry/backend-state.ts";
import type { ApiDeps } from "./deps.ts";

export type BreakerState = "closed" | "open" | "half_open";

/** Gives everything that is known of a backend now, as numbers; null for what nobody knows. */
export function fleetView(
  deps: ApiDeps,
  state: BackendState,
  now: number,
): Readonly<Record<string, unknown>> {
  const { registration, report, terms } = state;
  const { columns } = deps.tables.backends;
  const breakers = breakersOf(deps, state, now);
  const place = placeOf(registration);
  return {
    id: state.clientId,
    source: state.source,
    hostname: state.hostname,
    endpoints: state.endpoints,
    weight: terms.weight ?? 1,
    max_connections: i32(columns.maxConnections, state.row),
    max_in_flight: i32(columns.maxInFlight, state.row),
    backup: terms.backup ?? false,
    tags: tagsOf(terms, registration),
    location: place,
    status: statusOf(state, breakers),
    routable: state.routable,
    reason: state.reason,
    latency_ms: Math.round(state.latencyMs * 10) / 10,
    in_flight: state.inFlight,
    connections: i32(columns.connections, state.row),
    leases: state.leases,
    report_age_seconds: state.reportedAtMs === null ? null : seconds(deps.wallOf(now) - state.reportedAtMs),
    ...loadOf(report),
    breakers,
    ...trafficOf(deps, state),
    last_check_at: state.lastHealthCheckMs === null ? null : new Date(state.lastHealthCheckMs).toISOString(),
  };
}

/** What became of the requests to a backend since it is in the fleet. */
function trafficOf(
  { tables, wallOf }: ApiDeps,
  { row, generation }: BackendState,
): Readonly<Record<string, unknown>> {
  const reading = tables.traffic.read(row, generation);
  const { requests, errors, bytesIn, bytesOut, lastAtMs } = reading;
  return {
    requests_total: requests,
    errors_total: errors,
    bytes_in: bytesIn,
    bytes_out: bytesOut,
    last_request_at: lastAtMs > 0 ? new Date(wallOf(lastAtMs)).toISOString() : null,
  };
}

/** What the last report says of the load, in percent. */
function loadOf(report: Report | null): Readonly<Record<string, unknown>> {
  return {
    cpu_pct: report?.cpu_usage_avg ?? null,
    memory_pct: share(report?.memory_used_gb, report?.memory_total_gb),
    memory_total_gb: report?.memory_total_gb ?? null,
    disk_pct: share(report?.disk_used_gb, report?.disk_total_gb),
    disk_total_gb: report?.disk_total_gb ?? null,
    gpus: (report?.gpus ?? []).map(gpuOf),
  };
}

function gpuOf(gpu: GpuReport): Readonly<Record<string, unknown>> {
  return {
    name: gpu.name ?? "",
    usage_pct: gpu.utilization_pct ?? null,
    memory_pct: share(gpu.memory_used_gb, gpu.memory_total_gb),
    memory_total_gb: gpu.memory_total_gb ?? null,
    temperature_c: gpu.temperature_c ?? null,
  };
}

function share(used: number | undefined, total: number | undefined): number | null {
  if (used === undefined || total === undefined || !(total > 0)) return null;
  return Math.round((used / total) * 1000) / 10;
}

/** The circuit breaker of each endpoint. */
export function breakersOf(
  { tables }: Pick<ApiDeps, "tables">,
  { row, endpoints }: BackendState,
  now: number,
): { readonly endpoint: string; readonly state: BreakerState }[] {
  const { openUntilMs } = tables.backends.columns.breakers;
  return endpoints.map(({ url }, endpoint) => {
    const until = f64(openUntilMs, breakerOf(row, endpoint));
    if (until === 0) return { endpoint: url, state: "closed" };
    return { endpoint: url, state: until > now ? "open" : "half_open" };
  });
}

/** In one word what matters most of a backend. */
export function statusOf(state: BackendState, breakers: readonly { readonly state: BreakerState }[]): string {
  if (state.draining) return "draining";
  if (!state.active) return "stale";
  if (state.health === "unhealthy") return "unhealthy";
  if (breakers.length > 0 && breakers.every((breaker) => breaker.state === "open")) return "ejected";
  return state.health;
}

function placeOf({
  latitude = 0,
  longitude = 0,
}: BackendState["registration"]): { readonly lat: number; readonly lon: number } | null {
  return latitude === 0 && longitude === 0 ? null : { lat: latitude, lon: longitude };
}

function seconds(ms: number): number {
  return Math.round(Math.max(0, ms)) / 1000;
}
