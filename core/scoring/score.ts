import type { ScoreWeights } from "../config/schema/server-schema.ts";
import type { Tier } from "../plane/snapshot.ts";
import type { RowFigures } from "../table/backend/row-figures.ts";
import type { Figures } from "../wire/report.ts";
import { capacityOf, coresOf, gpuMaskOf, gpusOf } from "./capacity.ts";
import type { Thresholds } from "./thresholds.ts";

/** Terms of the score that do not depend on where the client is, before they are weighted. */
export interface ScoreTerms {
  /** Mean use of the tier's N least loaded cores, percent. */
  readonly cpu: number;
  /** Memory in use, percent. */
  readonly memory: number;
  /** Mean use of the GPUs, percent; 0 for tiers without GPU. */
  readonly gpu: number;
  /** Latency of health probes, milliseconds. */
  readonly latency: number;
}

export interface FiguresInput {
  readonly report: Figures;
  readonly reportedAtMs: number;
  readonly tiers: readonly Tier[];
  readonly weights: ScoreWeights;
  readonly thresholds: Thresholds;
  /** Null before the first probe that succeeded. */
  readonly latencyMs: number | null;
}

/** Gives the terms of a tier's score on the backend of a report; each is a finite number. */
export function scoreTerms(report: Figures, tier: Tier, latencyMs: number | null): ScoreTerms {
  return termsOf(coresOf(report).toSorted(ascending), report, tier, latencyMs);
}

/** Gives the weighted sum of the terms; the distance is added per request. */
export function baseScore(terms: ScoreTerms, weights: ScoreWeights): number {
  return (
    terms.cpu * weights.cpu +
    terms.memory * weights.memory +
    terms.gpu * weights.gpu +
    terms.latency * weights.latency
  );
}

/** Gives everything that a report changes in its backend's row; cores are sorted once for all tiers. */
export function figuresOf(input: FiguresInput): RowFigures {
  const { report, tiers, weights } = input;
  const capacity = capacityOf(report, input.thresholds);
  const cores = coresOf(report).toSorted(ascending);
  return {
    reportedAtMs: input.reportedAtMs,
    freeCores: capacity.freeCores,
    ...(cores.length > 0 ? { coreCost: 100 / cores.length } : {}),
    memoryAvailBytes: capacity.memoryAvailBytes,
    diskAvailBytes: capacity.diskAvailBytes,
    gpuVramFreeBytes: capacity.gpuVramFreeBytes,
    baseScores: tiers.map((tier) => baseScore(termsOf(cores, report, tier, input.latencyMs), weights)),
    gpuMasks: tiers.map((tier) => gpuMaskOf(capacity, tier)),
  };
}

function termsOf(
  sortedCores: readonly number[],
  report: Figures,
  tier: Tier,
  latencyMs: number | null,
): ScoreTerms {
  return {
    cpu: mean(sortedCores.slice(0, tier.vcpu)),
    memory: memoryPct(report),
    gpu: tier.gpus > 0 ? mean(knownGpuUses(report)) : 0,
    latency: finite(latencyMs ?? 0),
  };
}

function memoryPct(report: Figures): number {
  const total = finite(report.memory_total_gb ?? 0);
  if (total <= 0) return 0;
  const used =
    report.memory_used_gb ?? (report.memory_avail_gb === undefined ? 0 : total - report.memory_avail_gb);
  return Math.max(0, (finite(used) / total) * 100);
}

function knownGpuUses(report: Figures): number[] {
  return gpusOf(report).flatMap((gpu) => {
    const use = gpu.utilization_pct;
    return use !== undefined && Number.isFinite(use) ? [use] : [];
  });
}

/** The mean, 0 of none. */
function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function ascending(a: number, b: number): number {
  return a - b;
}
