/** What backends have, what is free by their last report, and what leases hold. */
import { f64, i32 } from "../../../core/table/buffer-layout.ts";
import type { Exposition } from "./exposition.ts";
import { type BackendSource, backendMetric, gauge, type Metric, serverMetric } from "./metric.ts";

const GB = 2 ** 30;

interface Amounts {
  readonly total: number | null;
  readonly free: number | null;
  readonly leased: number;
}

export const CAPACITY_METRICS: readonly Metric[] = [
  amounts("backend_cores", "Cores of a backend: all, free by its last report, and held by leases.", cores),
  amounts(
    "backend_memory_bytes",
    "Memory of a backend: all, available by its last report, and held by leases.",
    memory,
  ),
  amounts(
    "backend_disk_bytes",
    "Disk space of a backend: all, available by its last report, and held by leases.",
    disk,
  ),
  amounts("backend_gpus", "GPUs of a backend: all, free by its last report, and named by leases.", gpus),
  backendMetric(gauge("backend_leases", "Leases on a backend."), ({ state }) => state.leases),
  serverMetric(gauge("leases", "Leases that are held."), ({ tables }) => tables.leases.used),
  serverMetric(gauge("leases_limit", "Leases that may be held."), ({ tables }) => tables.leases.capacity),
];

function cores(source: BackendSource): Amounts {
  const { columns, row, report } = parts(source);
  return {
    total: report?.cpu_usage_avg.length ?? null,
    free: report === null ? null : i32(columns.freeCores, row),
    leased: i32(columns.leasedCores, row),
  };
}

function memory(source: BackendSource): Amounts {
  const { columns, row, report } = parts(source);
  return {
    total: bytes(report?.memory_total_gb),
    free: bytes(report?.memory_avail_gb),
    leased: f64(columns.leasedMemory, row),
  };
}

function disk(source: BackendSource): Amounts {
  const { columns, row, report } = parts(source);
  return {
    total: bytes(report?.disk_total_gb),
    free: bytes(report?.disk_avail_gb),
    leased: f64(columns.leasedDisk, row),
  };
}

function gpus(source: BackendSource): Amounts {
  const { columns, row, report } = parts(source);
  const { gpu_available_threshold_pct: threshold } = source.server.config;
  const isFree = ({ utilization_pct: use = 0 }: { utilization_pct?: number }): boolean => use < threshold;
  return {
    total: report === null ? null : (report.gpus ?? []).length,
    free: report === null ? null : (report.gpus ?? []).filter(isFree).length,
    leased: bits(i32(columns.leasedGpus, row)),
  };
}

function amounts(name: string, help: string, read: (source: BackendSource) => Amounts): Metric {
  const backend = (source: BackendSource, out: Exposition): void => {
    const { total, free, leased } = read(source);
    if (total !== null) out.sample(total, `${source.labels},state="total"`);
    if (free !== null) out.sample(free, `${source.labels},state="free"`);
    out.sample(leased, `${source.labels},state="leased"`);
  };
  return { ...gauge(name, help), labels: ["backend", "state"], backend };
}

function parts({ server, state }: BackendSource) {
  return { columns: server.tables.backends.columns, row: state.row, report: state.report };
}

function bytes(gb: number | undefined): number | null {
  return gb === undefined ? null : Math.round(gb * GB);
}

function bits(word: number): number {
  let count = 0;
  for (let left = word >>> 0; left > 0; left = Math.floor(left / 2)) count += left & 1;
  return count;
}
