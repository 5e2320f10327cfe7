import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { emptySample, type Sample, unknownGpu } from "../../client/sampler/sample.ts";
import { TimeSeries } from "../../client/time-series.ts";
import { Window } from "../../client/window.ts";

const START = Date.UTC(2026, 0, 1);

/** The definition: sum(value x stretch inside the window) / sum(stretch inside the window). */
function meanByDefinition(
  samples: readonly { readonly atMs: number; readonly stretchMs: number; readonly value: number }[],
  nowMs: number,
  windowMs: number,
): number {
  const startMs = nowMs - windowMs;
  let weighted = 0;
  let total = 0;
  for (const { atMs, stretchMs, value } of samples) {
    if (atMs <= startMs || Number.isNaN(value)) continue;
    const inside = Math.min(stretchMs, atMs - startMs);
    weighted += inside * value;
    total += inside;
  }
  return total === 0 ? Number.NaN : weighted / total;
}

function hostSample(cpu: readonly number[], usedBytes = 0): Sample {
  const sample = emptySample();
  sample.cores = cpu.length;
  sample.cpuPct = Float64Array.from(cpu);
  sample.memoryTotalBytes = 100;
  sample.memoryAvailBytes = 100 - usedBytes;
  sample.diskUsedBytes = usedBytes * 2;
  return sample;
}

describe("TimeSeries", () => {
  test("equals the definition for samples one second apart, with gaps and unknown values", () => {
    const gap = fc.oneof(
      { weight: 9, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.integer({ min: 2, max: 400 }) },
    );
    const value = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 100 }) },
      { weight: 1, arbitrary: fc.constant(Number.NaN) },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(gap, value), { minLength: 1, maxLength: 200 }),
        fc.nat(100),
        (steps, laterS) => {
          const windowMs = 60_000;
          const series = new TimeSeries(windowMs, 1);
          let atMs = START;
          const samples = steps.map(([seconds, each]) => {
            atMs += seconds * 1000;
            const stretchMs = Math.min(seconds * 1000, 5000);
            series.add(atMs, stretchMs, [each]);
            return { atMs, stretchMs, value: each };
          });
          const nowMs = atMs + laterS * 1000;
          const expected = meanByDefinition(samples, nowMs, windowMs);
          const actual = series.mean(nowMs, 0);
          if (Number.isNaN(expected)) expect(actual).toBeNaN();
          else expect(actual).toBeCloseTo(expected, 6);
        },
      ),
    );
  });

  test("a day's window keeps sums of seconds: equal to the definition to within one slot at its edge", () => {
    const windowMs = 1440 * 60_000;
    const slotMs = windowMs / 900;
    const series = new TimeSeries(windowMs, 1);
    const samples = Array.from({ length: 4000 }, (_, i) => ({
      atMs: START + i * 30_000,
      stretchMs: 5000,
      value: (i * 37) % 101,
    }));
    for (const { atMs, stretchMs, value } of samples) series.add(atMs, stretchMs, [value]);
    const nowMs = samples[3999]?.atMs ?? 0;
    const near = [0, slotMs].map((shift) => meanByDefinition(samples, nowMs, windowMs + shift));
    expect(series.mean(nowMs, 0)).toBeCloseTo(near[0] ?? 0, 0);
    expect(Math.abs((near[0] ?? 0) - (near[1] ?? 0))).toBeLessThan(1);
  });

  test("nothing known is NaN, not zero", () => {
    const series = new TimeSeries(60_000, 2);
    series.add(START, 1000, [Number.NaN, 5]);
    expect(series.mean(START, 0)).toBeNaN();
    expect(series.mean(START, 1)).toBe(5);
  });
});

describe("Window", () => {
  test("averages per core by time", () => {
    const window = new Window(60_000);
    window.add(START, hostSample([0, 0]));
    window.add(START + 1000, hostSample([10, 50]));
    window.add(START + 3000, hostSample([40, 80]));
    // The first sample stands for 200 ms.
    const { cpuPct, memoryUsedBytes } = window.averages(START + 3000);
    expect(cpuPct[0]).toBeCloseTo((10 * 1000 + 40 * 2000) / 3200, 5);
    expect(cpuPct[1]).toBeCloseTo((50 * 1000 + 80 * 2000) / 3200, 5);
    expect(memoryUsedBytes).toBe(0);
  });

  test("a suspended machine does not bring old samples back, and its gap weighs little", () => {
    const window = new Window(60_000);
    for (let i = 0; i < 60; i++) window.add(START + i * 1000, hostSample([100], 80));
    const wakeMs = START + 3_600_000;
    window.add(wakeMs, hostSample([20], 10));
    expect(window.averages(wakeMs).cpuPct).toEqual([20]);
    expect(window.averages(wakeMs).memoryUsedBytes).toBe(10);
    // The sample after the gap speaks for five seconds at most.
    window.add(wakeMs + 5000, hostSample([60], 30));
    expect(window.averages(wakeMs + 5000).cpuPct[0]).toBeCloseTo(40, 5);
    expect(window.averages(wakeMs + 5000).diskUsedBytes).toBeCloseTo(40, 5);
  });

  test("a clock that is set back starts over", () => {
    const window = new Window(60_000);
    window.add(START, hostSample([100]));
    window.add(START - 3_600_000, hostSample([10]));
    expect(window.averages(START - 3_600_000).cpuPct).toEqual([10]);
  });

  test("a changed number of cores starts the cores over", () => {
    const window = new Window(60_000);
    window.add(START, hostSample([100]));
    window.add(START + 1000, hostSample([10, 20]));
    expect(window.averages(START + 1000).cpuPct).toEqual([10, 20]);
  });

  test("GPUs are averaged one by one over what is known", () => {
    const window = new Window(60_000);
    const sample = hostSample([0]);
    const gpus = [unknownGpu(0), unknownGpu(1)];
    sample.gpus = gpus;
    const [first, second] = gpus;
    if (first === undefined || second === undefined) throw new Error("two devices");
    for (const [i, use] of [10, Number.NaN, 40].entries()) {
      first.utilizationPct = use;
      second.powerW = 100;
      window.add(START + i * 1000, sample);
    }
    const { gpus: means } = window.averages(START + 2000);
    // 10 for 200 ms, unknown for a second, 40 for a second.
    expect(means[0]?.utilizationPct).toBeCloseTo((10 * 200 + 40 * 1000) / 1200, 5);
    expect(means[1]?.utilizationPct).toBeNaN();
    expect(means[1]?.powerW).toBeCloseTo(100, 5);
  });
});
