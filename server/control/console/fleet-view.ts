/** One backend as the console shows it: the members of an entry of `GET /backends`. */
import { f64, i32 } from "../../../core/table/buffer-layout.ts";
import { breakerOf } from "../../../core/table/breaker-columns.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { GpuReport } from "../../../core/wire/report.ts";
import type { BackendState } from "../registry/backend-state.ts";

/** Writes it down; times of `state` are of the wall clock. */
export function fleetEntry(state: BackendState, tables: Tables, nowMs: number, wallNowMs: number): unknown {
  const { report, registration, row } = state;
  const { columns } = tables.backends;
  return {
    id: state.clientId,
    source: "agent",
    hostname: state.hostname,
    endpoints: state.endpoints,
    weight: 1,
    max_connections: i32(columns.maxConnections, row),
    max_in_flight: i32(columns.maxInFlight, row),
    backup: false,
    tags: [],
    location:
      registration.latitude === undefined || registration.longitude === undefined
        ? null
        : { lat: registration.latitude, lon: registration.longitude },
    status: statusOf(state),
    routable: state.routable,
    reason: state.reason,
    latency_ms: Math.round(state.latencyMs * 10) / 10,
    in_flight: state.inFlight,
    connections: i32(columns.connections, row),
    leases: state.leases,
    report_age_seconds: state.reportedAtMs === null ? null : Math.round((wallNowMs - state.reportedAtMs) / 1000),
    cpu_pct: report?.cpu_usage_avg.map(Math.round) ?? null,
    memory_pct: report === null ? null : share(report.memory_used_gb, report.memory_total_gb),
    disk_pct: report === null ? null : share(report.disk_used_gb, report.disk_total_gb),
    gpus: (report?.gpus ?? []).map(gpuEntry),
    breakers: state.endpoints.map(({ url }, endpoint) => {
      const until = f64(columns.breakers.openUntilMs, breakerOf(row, endpoint));
      return { endpoint: url, state: until === 0 ? "closed" : until > nowMs ? "open" : "half_open" };
    }),
  };
}

function statusOf(state: BackendState): string {
  if (state.draining) return "draining";
  if (!state.active) return "stale";
  return state.health;
}

function gpuEntry(gpu: GpuReport): unknown {
  const { memory_used_gb: used, memory_total_gb: total } = gpu;
  return {
    name: gpu.name ?? `GPU ${gpu.device_id}`,
    usage_pct: gpu.utilization_pct ?? null,
    memory_pct: used === undefined || total === undefined ? null : share(used, total),
    temperature_c: gpu.temperature_c ?? null,
  };
}

function share(used: number, total: number): number {
  return total <= 0 ? 0 : Math.round((used / total) * 1000) / 10;
}
