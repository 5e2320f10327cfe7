/** What agents report of their hosts. */
import type { GpuReport } from "../../../core/wire/report.ts";
import { type Exposition, labelText } from "./exposition.ts";
import { type BackendSource, backendMetric, gauge, type Metric } from "./metric.ts";

const GB = 2 ** 30;
const PERCENT = 100;

export const AGENT_METRICS: readonly Metric[] = [
  backendMetric(
    gauge("backend_cpu_usage_ratio", "Mean use of the cores of a backend, 0 to 1."),
    ({ state: { report } }) => (report === null ? null : mean(report.cpu_usage_avg) / PERCENT),
  ),
  backendMetric(
    gauge("backend_busiest_core_usage_ratio", "Use of the busiest core of a backend, 0 to 1."),
    ({ state: { report } }) => (report === null ? null : Math.max(...report.cpu_usage_avg) / PERCENT),
  ),
  {
    ...gauge("backend_core_usage_ratio", "Use of each core of a backend, 0 to 1; see metrics_cpu_cores."),
    labels: ["backend", "core"],
    backend: ({ server, state, labels }, out) => {
      if (!server.showsCores) return;
      state.report?.cpu_usage_avg.forEach((use, core) => {
        out.sample(use / PERCENT, `${labels},core="${core}"`);
      });
    },
  },
  backendMetric(
    gauge("backend_memory_usage_ratio", "Memory of a backend that is in use, 0 to 1."),
    ({ state: { report } }) =>
      report === null ? null : share(report.memory_used_gb, report.memory_total_gb),
  ),
  backendMetric(
    gauge("backend_disk_usage_ratio", "Disk space of a backend that is in use, 0 to 1."),
    ({ state: { report } }) => (report === null ? null : share(report.disk_used_gb, report.disk_total_gb)),
  ),
  gpuMetric("backend_gpu_usage_ratio", "Use of a GPU, 0 to 1.", ({ utilization_pct: use }) =>
    use === undefined ? null : use / PERCENT,
  ),
  gpuMetric("backend_gpu_memory_used_bytes", "Memory of a GPU that is in use.", ({ memory_used_gb: used }) =>
    used === undefined ? null : Math.round(used * GB),
  ),
  gpuMetric("backend_gpu_memory_size_bytes", "Memory of a GPU.", ({ memory_total_gb: total }) =>
    total === undefined ? null : Math.round(total * GB),
  ),
  gpuMetric(
    "backend_gpu_temperature_celsius",
    "Temperature of a GPU.",
    ({ temperature_c: temperature }) => temperature ?? null,
  ),
  gpuMetric("backend_gpu_power_watts", "Power that a GPU draws.", ({ power_draw_w: power }) => power ?? null),
];

function gpuMetric(name: string, help: string, read: (gpu: GpuReport) => number | null): Metric {
  const backend = ({ state, labels }: BackendSource, out: Exposition): void => {
    for (const gpu of state.report?.gpus ?? []) {
      const value = read(gpu);
      const own = labelText({ gpu: String(gpu.device_id), name: gpu.name ?? "" });
      if (value !== null) out.sample(value, `${labels},${own}`);
    }
  };
  return { ...gauge(name, help), labels: ["backend", "gpu", "name"], backend };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function share(used: number, total: number): number | null {
  return total > 0 ? Math.min(1, used / total) : null;
}
