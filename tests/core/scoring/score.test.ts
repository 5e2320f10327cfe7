import { describe, expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import * as fc from "fast-check";
import { ServerConfigSchema, type TierConfig } from "../../../core/config/schema/server-schema.ts";
import {
  baseScore,
  capacityOf,
  figuresOf,
  gpuMaskOf,
  scoreTerms,
  thresholdsOf,
  toTiers,
} from "../../../core/scoring/index.ts";
import type { Figures, GpuReport } from "../../../core/wire/report.ts";
import { GB, NOW_MS, tierOf } from "../../sim/fixtures.ts";

const THRESHOLDS = { cpuPct: 80, gpuPct: 80 };
const WEIGHTS = { distance: 1, cpu: 1, memory: 1, gpu: 1.5, latency: 1 };

function report(more: Figures = {}): Figures {
  return { client_id: "a", ...more };
}

function gpu(device_id: number, more: Partial<GpuReport> = {}): GpuReport {
  return { device_id, utilization_pct: 10, memory_used_gb: 0, memory_total_gb: 16, ...more };
}

function memory(more: Figures): number {
  return scoreTerms(report(more), tierOf("t", 1), null).memory;
}

function own(name: string): TierConfig {
  return { name, vcpu: 1, memory_gb: 0.5, storage_gb: 0, gpu: 0, gpu_memory_gb: 0 };
}

describe("scoreTerms", () => {
  test("cpu is the mean of the tier's N least loaded cores", () => {
    const cores = report({ cpu_usage_avg: [90, 10, 50, 30] });
    const cpu = (vcpu: number): number => scoreTerms(cores, tierOf("t", vcpu), null).cpu;
    expect([0, 1, 2, 3, 4, 5, 100].map(cpu)).toEqual([0, 10, 20, 30, 45, 45, 45]);
    expect(scoreTerms(report(), tierOf("t", 4), null).cpu).toBe(0);
    expect(scoreTerms(report({ cpu_usage_avg: [] }), tierOf("t", 4), null).cpu).toBe(0);
  });

  test("memory is the used share, 0 when the total is 0 or unknown", () => {
    expect(memory({ memory_used_gb: 8, memory_total_gb: 32, memory_avail_gb: 1 })).toBe(25);
    expect(memory({ memory_avail_gb: 8, memory_total_gb: 32 })).toBe(75);
    expect(memory({ memory_used_gb: 8, memory_total_gb: 0 })).toBe(0);
    expect(memory({ memory_used_gb: 8 })).toBe(0);
    expect(memory({ memory_total_gb: 8 })).toBe(0);
  });

  test("gpu is the mean of the known uses, for tiers with GPUs alone", () => {
    const gpus = [gpu(0, { utilization_pct: 20 }), gpu(1, { utilization_pct: 60 }), { device_id: 2 }];
    expect(scoreTerms(report({ gpus }), tierOf("t", 1, { gpus: 1 }), null).gpu).toBe(40);
    expect(scoreTerms(report({ gpus }), tierOf("t", 1), null).gpu).toBe(0);
    expect(scoreTerms(report({ gpus: [{ device_id: 2 }] }), tierOf("t", 1, { gpus: 1 }), null).gpu).toBe(0);
    expect(scoreTerms(report(), tierOf("t", 1, { gpus: 1 }), null).gpu).toBe(0);
  });

  test("the base score weighs them: 10 + 25 + 1.5 * 40 + 12", () => {
    const full = report({
      cpu_usage_avg: [10, 90],
      memory_used_gb: 8,
      memory_total_gb: 32,
      gpus: [gpu(0, { utilization_pct: 40 })],
    });
    expect(baseScore(scoreTerms(full, tierOf("t", 1, { gpus: 1 }), 12), WEIGHTS)).toBe(107);
  });

  test("no figures, however odd, make a score that is no number", () => {
    const odd = fc.oneof(fc.double(), fc.constantFrom(0, -1, NaN, Infinity, -Infinity, 1e308));
    const gpus = fc.array(
      fc.record({ device_id: fc.nat(40), utilization_pct: odd, memory_used_gb: odd, memory_total_gb: odd }),
      { maxLength: 40 },
    );
    const anyReport = fc.record(
      {
        cpu_usage_avg: fc.array(odd),
        memory_total_gb: odd,
        memory_used_gb: odd,
        memory_avail_gb: odd,
        disk_avail_gb: odd,
        gpus,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anyReport, fc.nat(8), fc.nat(2), odd, (figures, vcpu, count, latency) => {
        const terms = scoreTerms(report(figures), tierOf("t", vcpu, { gpus: count }), latency);
        for (const term of Object.values(terms)) expect(term).not.toBeNaN();
        const capacity = capacityOf(report(figures), THRESHOLDS);
        for (const bytes of [
          capacity.memoryAvailBytes,
          capacity.diskAvailBytes,
          ...capacity.gpuVramFreeBytes,
        ]) {
          expect(Number.isFinite(bytes) && bytes >= 0).toBe(true);
        }
      }),
    );
  });
});

describe("capacityOf", () => {
  test("a core is free strictly below the threshold", () => {
    const { freeCores } = capacityOf(report({ cpu_usage_avg: [0, 79.9, 80, 100] }), THRESHOLDS);
    expect(freeCores).toBe(2);
  });

  test("amounts are whole bytes, from total and used when what is available is left out", () => {
    expect(capacityOf(report({ memory_avail_gb: 0.1 }), THRESHOLDS).memoryAvailBytes).toBe(107_374_182);
    const derived = capacityOf(report({ disk_total_gb: 10, disk_used_gb: 4 }), THRESHOLDS);
    expect(derived.diskAvailBytes).toBe(6 * GB);
    expect(capacityOf(report({ disk_total_gb: 10 }), THRESHOLDS).diskAvailBytes).toBe(0);
  });

  test("GPUs count one by one, in the order of their ids; what cannot be read is not free", () => {
    const gpus = [
      gpu(7, { memory_used_gb: 8 }),
      gpu(0),
      gpu(3, { utilization_pct: 80 }),
      { device_id: 4, utilization_pct: 5 },
      { device_id: 5, memory_used_gb: 0, memory_total_gb: 80 },
    ];
    const capacity = capacityOf(report({ gpus }), THRESHOLDS);
    expect(capacity.gpuVramFreeBytes).toEqual([16 * GB, 16 * GB, 0, 80 * GB, 8 * GB]);
    expect(gpuMaskOf(capacity, tierOf("t", 1, { gpus: 1, gpuMemoryGb: 16 }))).toBe(0b00001);
    expect(gpuMaskOf(capacity, tierOf("t", 1, { gpus: 1, gpuMemoryGb: 8 }))).toBe(0b10001);
    // Two GPUs with 8 GB each are not one with 16.
    expect(gpuMaskOf(capacity, tierOf("t", 1, { gpus: 1, gpuMemoryGb: 24 }))).toBe(0);
    expect(gpuMaskOf(capacity, tierOf("t", 1))).toBe(0);
  });

  test("32 GPUs fill the mask, a 33rd is left out", () => {
    const gpus = Array.from({ length: 33 }, (_, id) => gpu(id));
    const capacity = capacityOf(report({ gpus }), THRESHOLDS);
    expect(capacity.gpuVramFreeBytes).toHaveLength(32);
    expect(gpuMaskOf(capacity, tierOf("t", 1, { gpus: 1 }))).toBe(-1);
  });
});

test("figuresOf gives for every tier what the single functions give", () => {
  const full = report({
    cpu_usage_avg: [70, 10, 85, 30],
    memory_total_gb: 64,
    memory_used_gb: 16,
    memory_avail_gb: 40,
    disk_avail_gb: 100,
    gpus: [gpu(0), gpu(1, { memory_used_gb: 12 })],
  });
  const tiers = [tierOf("a", 1), tierOf("b", 3), tierOf("c", 2, { gpus: 1, gpuMemoryGb: 8 })];
  const figures = figuresOf({
    report: full,
    reportedAtMs: NOW_MS,
    tiers,
    weights: WEIGHTS,
    thresholds: THRESHOLDS,
    latencyMs: 4,
  });
  expect(figures).toEqual({
    reportedAtMs: NOW_MS,
    freeCores: 3,
    coreCost: 25,
    memoryAvailBytes: 40 * GB,
    diskAvailBytes: 100 * GB,
    gpuVramFreeBytes: [16 * GB, 4 * GB],
    baseScores: tiers.map((tier) => baseScore(scoreTerms(full, tier, 4), WEIGHTS)),
    gpuMasks: [0, 0, 1],
  });
});

describe("toTiers", () => {
  const config = Value.Create(ServerConfigSchema);

  test("no tiers in the file means the ten built-in ones, with lite as the default", () => {
    const { tiers, defaultTier } = toTiers(config);
    expect(tiers.map(({ name }) => name)).toEqual([
      "free",
      "lite",
      "pro-standard",
      "pro-turbo",
      "pro-max",
      "small",
      "medium",
      "large",
      "gpu-inference",
      "gpu-training",
    ]);
    expect(tiers[defaultTier]).toEqual({
      name: "lite",
      vcpu: 1,
      memoryBytes: GB,
      storageBytes: 5 * GB,
      gpus: 0,
      gpuMemoryBytes: 0,
      reservation: "request",
    });
    expect(thresholdsOf(config)).toEqual({ cpuPct: 80, gpuPct: 80 });
  });

  test("the default is the named tier, else lite, else the first; reservation is inherited", () => {
    const tiers = [own("a"), own("b"), { ...own("lite"), reservation: "request" as const }];
    const custom = { ...config, tiers, reservation: "timeout" as const };
    expect(toTiers(custom).defaultTier).toBe(2);
    expect(toTiers({ ...custom, default_tier: "b" }).defaultTier).toBe(1);
    expect(toTiers({ ...custom, tiers: tiers.slice(0, 2) }).defaultTier).toBe(0);
    expect(toTiers(custom).tiers.map(({ reservation }) => reservation)).toEqual([
      "timeout",
      "timeout",
      "request",
    ]);
    expect(toTiers(custom).tiers[0]?.memoryBytes).toBe(GB / 2);
  });
});
