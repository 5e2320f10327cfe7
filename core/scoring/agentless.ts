/** What the row of a backend without an agent says: nobody reports its load. */
import type { BackendConfig } from "../config/schema/backend-schema.ts";
import type { ScoreWeights } from "../config/schema/server-schema.ts";
import type { Tier } from "../plane/snapshot.ts";
import { MAX_GPUS, type RowFigures } from "../table/backend/row-figures.ts";
import { bytesOf } from "./capacity.ts";
import { baseScore, type ScoreTerms } from "./score.ts";

/** Half busy, since nobody knows: better than a backend that reports more, worse than one that reports less. */
const UNKNOWN_PCT = 50;
/** More than any tier asks for, while sums of what is leased stay exact. */
const PLENTY = { cores: 2 ** 30, bytes: Number.MAX_SAFE_INTEGER } as const;

/** Gives the terms of a tier's score on a backend whose load nobody knows. */
export function agentlessTerms(tier: Tier, latencyMs: number): ScoreTerms {
  return {
    cpu: UNKNOWN_PCT,
    memory: UNKNOWN_PCT,
    gpu: tier.gpus > 0 ? UNKNOWN_PCT : 0,
    latency: Number.isFinite(latencyMs) ? latencyMs : 0,
  };
}

/**
 * Gives the figures of a backend that never reports: they never grow stale, and hold what it was said to have. What
 * was not said is plenty; `RowFigures.gpuMasks` are empty where GPUs were not said, see `GPUS_UNKNOWN`.
 */
export function agentlessFigures(input: {
  readonly resources: BackendConfig["resources"];
  readonly tiers: readonly Tier[];
  readonly weights: ScoreWeights;
  readonly latencyMs: number;
}): RowFigures {
  const { resources = {}, tiers, weights, latencyMs } = input;
  const gpus = Math.min(MAX_GPUS, resources.gpu ?? 0);
  const vram = resources.gpu_memory_gb === undefined ? PLENTY.bytes : bytesOf(resources.gpu_memory_gb);
  const mask = gpus === MAX_GPUS ? -1 : (1 << gpus) - 1;
  return {
    reportedAtMs: Number.MAX_VALUE,
    freeCores: resources.vcpu ?? PLENTY.cores,
    ...(resources.vcpu === undefined || resources.vcpu === 0 ? {} : { coreCost: 100 / resources.vcpu }),
    memoryAvailBytes: resources.memory_gb === undefined ? PLENTY.bytes : bytesOf(resources.memory_gb),
    diskAvailBytes: resources.storage_gb === undefined ? PLENTY.bytes : bytesOf(resources.storage_gb),
    gpuVramFreeBytes: Array.from({ length: gpus }, () => vram),
    baseScores: tiers.map((tier) => baseScore(agentlessTerms(tier, latencyMs), weights)),
    gpuMasks: tiers.map((tier) => (tier.gpus > 0 && vram >= tier.gpuMemoryBytes ? mask : 0)),
  };
}
