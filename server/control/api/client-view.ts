/** One backend as `GET /clients` shows it: the original's strings to the letter, and the figures as numbers. */
import type { GpuReport, Report } from "../../../core/wire/report.ts";
import type { BackendState } from "../registry/backend-state.ts";

/** What Go writes for a time that is not set. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/** Gives the answer's entry for a backend; keys in the original's order, alphabetical, then those that it lacks. */
export function clientView(state: BackendState): Readonly<Record<string, unknown>> {
  const { registration, report } = state;
  return {
    client_id: state.clientId,
    cpu_cores: report?.cpu_cores ?? report?.cpu_usage_avg?.length ?? 0,
    cpu_usage: (report?.cpu_usage_avg ?? []).map(percent),
    disk_gb: `${fixed(report?.disk_used_gb ?? 0, 1)}/${fixed(report?.disk_total_gb ?? 0, 1)}`,
    endpoint: state.endpoint,
    ...gpuStrings(state),
    health_status: state.health,
    hostname: state.hostname,
    is_active: state.active,
    last_health_check: state.lastHealthCheckMs === null ? ZERO_TIME : rfc3339Seconds(state.lastHealthCheckMs),
    last_seen: rfc3339Seconds(state.lastSeenMs),
    latency_ms: fixed(state.latencyMs, 1),
    location: `${registration.city ?? ""}, ${registration.country ?? ""}`,
    memory_gb: `${fixed(report?.memory_used_gb ?? 0, 1)}/${fixed(report?.memory_total_gb ?? 0, 1)}`,
    ...figures(report),
    endpoints: state.endpoints,
    in_flight: state.inFlight,
    leases: state.leases,
    draining: state.draining,
    routable: state.routable,
    reason: state.reason,
  };
}

/** Writes a number with a fixed count of digits as Go does: exact ties go to the even digit, in JavaScript up. */
export function fixed(value: number, digits: 0 | 1): string {
  const scaled = value * 10 ** digits;
  // Only quarters and halves are exact ties in binary; a product that merely looks like one was rounded itself.
  const isTie = Number.isInteger(value * 4) && scaled - Math.floor(scaled) === 0.5;
  if (!isTie) return value.toFixed(digits);
  const below = Math.floor(scaled);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
}

/** Figures as reported; null for what the last report left out, or before the first one. */
function figures(report: Report | null): Readonly<Record<string, unknown>> {
  return {
    cpu_usage_avg: report?.cpu_usage_avg ?? [],
    memory_total_gb: report?.memory_total_gb ?? null,
    memory_used_gb: report?.memory_used_gb ?? null,
    memory_avail_gb: report?.memory_avail_gb ?? null,
    disk_total_gb: report?.disk_total_gb ?? null,
    disk_used_gb: report?.disk_used_gb ?? null,
    disk_avail_gb: report?.disk_avail_gb ?? null,
    gpus: report?.gpus ?? [],
  };
}

function gpuStrings({ registration, report }: BackendState): Readonly<Record<string, unknown>> {
  const total = registration.total_gpus ?? 0;
  if (total <= 0) return {};
  const known = report?.gpus ?? [];
  return {
    ...(known.length > 0 ? { gpu_stats: known.map(gpuView) } : {}),
    gpu_models: registration.gpu_models ?? null,
    total_gpus: total,
  };
}

function gpuView(gpu: GpuReport): Readonly<Record<string, unknown>> {
  const { utilization_pct: use, memory_used_gb: used, memory_total_gb: total } = gpu;
  const { temperature_c: temperature, power_draw_w: power } = gpu;
  return {
    device_id: gpu.device_id,
    name: gpu.name ?? "",
    ...(use === undefined ? {} : { utilization: percent(use) }),
    ...(used === undefined || total === undefined ? {} : { vram: `${fixed(used, 1)}/${fixed(total, 1)} GB` }),
    ...(temperature === undefined ? {} : { temperature: `${fixed(temperature, 0)}°C` }),
    ...(power === undefined || power === 0 ? {} : { power_draw: `${fixed(power, 0)}W` }),
  };
}

function percent(value: number): string {
  return `${fixed(value, 1)}%`;
}

function rfc3339Seconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
