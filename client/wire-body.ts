/** Builds the bodies that go to the server from what is known. Pure; what is unknown is left out. */
import type { Registration } from "../core/wire/registration.ts";
import type { GpuReport, Report } from "../core/wire/report.ts";
import type { Endpoint } from "./address.ts";
import type { Sample } from "./sampler/sample.ts";
import type { Averages, GpuAverages } from "./window.ts";

const GIB = 2 ** 30;
/** Bounds of the wire (core/wire): more would make the server refuse the whole body. */
const MAX_CORES = 4096;
const MAX_GPUS = 32;
const MAX_NAME = 256;

/** Where this backend is. */
export interface Location {
  readonly latitude: number;
  readonly longitude: number;
  readonly country: string;
  readonly city: string;
}

export interface HostFacts {
  readonly clientId: string;
  readonly hostname: string;
}

export interface Place {
  readonly localAddress: string;
  /** Empty when it is not known. */
  readonly publicAddress: string;
  readonly location: Location | null;
  readonly endpointUrl: string;
  readonly endpoints: readonly Endpoint[];
  /** What the configuration says of the backend. */
  readonly terms: Pick<Registration, "max_in_flight" | "max_connections" | "tags">;
}

/** Builds the body of `POST /register`. An unknown place is (0, 0) and `unknown`, as the original's agents say. */
export function registrationBody(host: HostFacts, place: Place, sample: Sample): Registration {
  const { location } = place;
  const gpus = sample.gpus.slice(0, MAX_GPUS);
  const names = gpus.map((gpu) => cut(gpu.name === "" ? `GPU ${gpu.deviceId}` : gpu.name));
  return {
    client_id: host.clientId,
    hostname: cut(host.hostname),
    public_ip: place.publicAddress === "" ? "unknown" : place.publicAddress,
    local_ip: place.localAddress,
    latitude: location?.latitude ?? 0,
    longitude: location?.longitude ?? 0,
    country: cut(location?.country ?? "unknown"),
    city: cut(location?.city ?? "unknown"),
    ...known("total_cpu", sample.cores === 0 ? Number.NaN : Math.min(sample.cores, MAX_CORES)),
    ...known("total_memory_gb", sample.memoryTotalBytes / GIB),
    ...known("total_storage_gb", sample.diskTotalBytes / GIB),
    total_gpus: gpus.length,
    ...(gpus.length === 0 ? {} : { gpu_models: names }),
    endpoint_url: place.endpointUrl,
    ...(place.endpoints.length === 0
      ? {}
      : { endpoints: place.endpoints.map(({ url, paths }) => ({ url, paths: [...paths] })) }),
    ...place.terms,
  };
}

/** Names what is not known now and must be in a report: a backend without it cannot be judged. */
export function missingFigures(averages: Averages, now: Sample): string[] {
  const required = {
    CPU: averages.cpuPct.some((value) => !Number.isNaN(value)) ? 0 : Number.NaN,
    memory: now.memoryTotalBytes + now.memoryAvailBytes + averages.memoryUsedBytes,
    disk: now.diskTotalBytes + now.diskAvailBytes + averages.diskUsedBytes,
  };
  return Object.entries(required).flatMap(([kind, value]) => (Number.isNaN(value) ? [kind] : []));
}

/**
 * Builds the body of `POST /stats`: used amounts are means over the window, available ones are as of now. Complete
 * unless {@link missingFigures} names something.
 */
export function reportBody(host: HostFacts, timestampMs: number, averages: Averages, now: Sample): Report {
  const cpu = averages.cpuPct.filter((value) => !Number.isNaN(value)).slice(0, MAX_CORES);
  const { memoryTotalBytes, diskTotalBytes } = now;
  return {
    client_id: host.clientId,
    hostname: cut(host.hostname),
    timestamp: new Date(timestampMs).toISOString(),
    cpu_cores: Math.min(now.cores, MAX_CORES),
    cpu_usage_avg: cpu.map(percent),
    memory_total_gb: memoryTotalBytes / GIB,
    memory_used_gb: amount(averages.memoryUsedBytes, memoryTotalBytes),
    memory_avail_gb: amount(now.memoryAvailBytes, memoryTotalBytes),
    disk_total_gb: diskTotalBytes / GIB,
    disk_used_gb: amount(averages.diskUsedBytes, diskTotalBytes),
    disk_avail_gb: amount(now.diskAvailBytes, diskTotalBytes),
    ...(averages.gpus.length === 0 ? {} : { gpus: averages.gpus.slice(0, MAX_GPUS).map(gpuReport) }),
  };
}

function gpuReport(gpu: GpuAverages): GpuReport {
  const { device } = gpu;
  const total = device.memoryTotalBytes;
  const used = Number.isNaN(total) ? gpu.memoryUsedBytes / GIB : amount(gpu.memoryUsedBytes, total);
  return {
    device_id: device.deviceId,
    ...(device.name === "" ? {} : { name: cut(device.name) }),
    ...(device.uuid === "" ? {} : { uuid: cut(device.uuid).slice(0, 128) }),
    ...known("utilization_pct", percent(gpu.utilizationPct)),
    ...known("memory_used_gb", used),
    ...known("memory_total_gb", total / GIB),
    ...known("temperature_c", round(gpu.temperatureC)),
    ...known("power_draw_w", round(gpu.powerW)),
  };
}

/** An amount in GB, within its total: a mean lags behind a limit that was lowered. */
function amount(bytes: number, totalBytes: number): number {
  return Math.max(0, Math.min(bytes, totalBytes)) / GIB;
}

/** The entry, or nothing when the value is not known. */
function known<Key extends string>(key: Key, value: number): { [K in Key]?: number } {
  const entry: { [K in Key]?: number } = {};
  if (!Number.isNaN(value)) entry[key] = value;
  return entry;
}

/** Two decimals say all that a mean of percentages knows. */
function percent(value: number): number {
  return Math.min(100, Math.max(0, round(value)));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A name as the wire takes it: on one line, not too long. */
function cut(text: string): string {
  return text.replace(/\p{Cc}/gu, " ").slice(0, MAX_NAME);
}
