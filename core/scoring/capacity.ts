import type { Tier } from "../plane/snapshot.ts";
import { MAX_GPUS } from "../table/backend/row-figures.ts";
import type { Figures, GpuReport } from "../wire/report.ts";
import type { Thresholds } from "./thresholds.ts";

const BYTES_PER_GB = 2 ** 30;

/** What a report leaves to give away. */
export interface Capacity {
  /** Cores whose use is below the threshold. */
  readonly freeCores: number;
  readonly memoryAvailBytes: number;
  readonly diskAvailBytes: number;
  /** By GPU index; 0 where total or used is unknown. */
  readonly gpuVramFreeBytes: readonly number[];
  /** By GPU index: the VRAM is known and the use known and below the threshold. */
  readonly gpuIsIdle: readonly boolean[];
}

/**
 * Turns GB of the wire and of the configuration into whole bytes; 0 for what is no number. Above 8 million GB the largest
 * integer whose sums are exact stands for the amount.
 */
export function bytesOf(gb: number): number {
  return Number.isFinite(gb)
    ? Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(gb * BYTES_PER_GB)))
    : 0;
}

/** Gives the free capacity of a report. */
export function capacityOf(report: Figures, thresholds: Thresholds): Capacity {
  const gpus = gpusOf(report);
  return {
    freeCores: coresOf(report).filter((usage) => usage < thresholds.cpuPct).length,
    memoryAvailBytes: availableBytes(report.memory_avail_gb, report.memory_total_gb, report.memory_used_gb),
    diskAvailBytes: availableBytes(report.disk_avail_gb, report.disk_total_gb, report.disk_used_gb),
    gpuVramFreeBytes: gpus.map((gpu) => vramFreeBytes(gpu) ?? 0),
    gpuIsIdle: gpus.map(
      (gpu) => vramFreeBytes(gpu) !== null && (gpu.utilization_pct ?? Infinity) < thresholds.gpuPct,
    ),
  };
}

/** Gives the mask of the GPUs that can serve a tier: each must have the VRAM by itself. */
export function gpuMaskOf(capacity: Capacity, tier: Tier): number {
  if (tier.gpus === 0) return 0;
  let mask = 0;
  for (const [index, isIdle] of capacity.gpuIsIdle.entries()) {
    if (isIdle && (capacity.gpuVramFreeBytes[index] ?? 0) >= tier.gpuMemoryBytes) mask |= 1 << index;
  }
  return mask;
}

/** Gives the use of each core in percent; a figure that is no number counts as busy. */
export function coresOf(report: Figures): number[] {
  return (report.cpu_usage_avg ?? []).map((usage) => (Number.isFinite(usage) ? usage : 100));
}

/** Gives the GPUs in the order of their device ids: their positions are the GPU indices of a row. */
export function gpusOf(report: Figures): GpuReport[] {
  return (report.gpus ?? []).toSorted((a, b) => a.device_id - b.device_id).slice(0, MAX_GPUS);
}

function availableBytes(
  availGb: number | undefined,
  totalGb: number | undefined,
  usedGb: number | undefined,
): number {
  return bytesOf(availGb ?? (totalGb === undefined || usedGb === undefined ? 0 : totalGb - usedGb));
}

function vramFreeBytes(gpu: GpuReport): number | null {
  if (gpu.memory_total_gb === undefined || gpu.memory_used_gb === undefined) return null;
  return bytesOf(gpu.memory_total_gb - gpu.memory_used_gb);
}
