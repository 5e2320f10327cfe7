import { describe, expect, test } from "bun:test";
import { faultOf, hasEnough } from "../../../core/migration/judge.ts";
import type { MigrationOptions } from "../../../core/migration/options.ts";
import { EARLY_LOOK_Z, LAST_LOOK_Z } from "../../../core/migration/statistics.ts";
import {
  EMPTY_GROUP,
  type GroupWindow,
  meanMs,
  quantileMs,
  slowerThan,
  varianceMs2,
} from "../../../core/migration/window.ts";
import { Prng } from "../../sim/prng.ts";
import { DEFAULTS, group, steady, windowsOf } from "./fixtures.ts";

function fault(
  from: GroupWindow,
  to: GroupWindow,
  options: Partial<MigrationOptions> = {},
  z = LAST_LOOK_Z,
): string | null {
  return faultOf(windowsOf(from, to), { ...DEFAULTS, ...options }, z);
}

/** A service's durations: log-normal around a median, as those of most services are. */
function durations(random: Prng, count: number, medianMs: number, spread = 0.6): number[] {
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
    return medianMs * Math.exp(spread * normal);
  });
}

function errors(random: Prng, count: number, rate: number): number {
  let sum = 0;
  for (let request = 0; request < count; request++) if (random.chance(rate)) sum++;
  return sum;
}

describe("error rates", () => {
  test("few requests condemn nobody, however many of them fail", () => {
    expect(fault(steady(1000), steady(3, 1))).toBeNull();
    expect(fault(steady(1000), steady(49, 49))).toBeNull();
    // One of 60 is 1.7 %, more than a point above none: chance, as yet.
    expect(fault(steady(1000), steady(60, 1))).toBeNull();
    expect(fault(steady(1000), steady(60, 40))).toStartWith("error rate 66.7 % (40 of 60), surely above ");
  });

  test("a bad group is found whatever the old one does, a slightly worse one by comparison", () => {
    expect(fault(EMPTY_GROUP, steady(1000, 100))).toContain("more than max_error_rate_percent (5)");
    expect(fault(steady(10_000, 10), steady(1000, 40))).toContain(
      "higher: more than max_error_rate_delta_percent (1)",
    );
    // Both fail alike: it is not the new version.
    expect(fault(steady(10_000, 400), steady(1000, 40))).toBeNull();
    expect(fault(steady(10_000, 1000), steady(1000, 100), { max_error_rate_percent: 100 })).toBeNull();
  });

  test("an old group with too few requests is not compared with", () => {
    expect(fault(steady(49), steady(1000, 40))).toBeNull();
    expect(fault(steady(400), steady(1000, 40))).not.toBeNull();
  });

  test("equals are not told apart by chance, in looks of every second together with the last one", () => {
    const random = new Prng(11);
    let alarms = 0;
    const runs = 300;
    for (let run = 0; run < runs; run++) {
      let from = { requests: 0, errors: 0 };
      let to = { requests: 0, errors: 0 };
      let alarm = false;
      // Five minutes at 100 requests a second, of which the new group gets 5 %; both fail at 2 %.
      for (let second = 1; second <= 300 && !alarm; second++) {
        from = { requests: from.requests + 95, errors: from.errors + errors(random, 95, 0.02) };
        to = { requests: to.requests + 5, errors: to.errors + errors(random, 5, 0.02) };
        const z = second < 300 ? EARLY_LOOK_Z : LAST_LOOK_Z;
        alarm = fault({ ...EMPTY_GROUP, ...from }, { ...EMPTY_GROUP, ...to }, {}, z) !== null;
      }
      if (alarm) alarms++;
    }
    expect(alarms / runs).toBeLessThan(0.02);
  });

  test("a group with 5 % errors beside one with 0.1 % is found within the stage, in nearly all runs", () => {
    const random = new Prng(12);
    let found = 0;
    for (let run = 0; run < 200; run++) {
      // 400 requests: a minute and a half at 5 % of 100 a second.
      const to = steady(400, errors(random, 400, 0.05));
      if (fault(steady(7600, errors(random, 7600, 0.001)), to) !== null) found++;
    }
    expect(found).toBeGreaterThan(180);
  });
});

describe("durations", () => {
  test("a mean that is more than the ratio allows is NO-GO, the slack aside", () => {
    const old = steady(1000, 0, 100);
    expect(fault(old, steady(200, 0, 140))).toBeNull();
    expect(fault(old, steady(200, 0, 200))).toContain("mean 200 ms against 100 ms of the old group");
    // 2 ms against 1: twice as slow, and not worth a word.
    expect(fault(steady(1000, 0, 1), steady(200, 0, 2))).toBeNull();
    expect(fault(steady(1000, 0, 1), steady(200, 0, 2), { latency_slack_ms: 0 })).toContain("mean 2 ms");
    expect(fault(old, steady(200, 0, 5000), { max_latency_ratio: 0 })).toBeNull();
  });

  test("a slow tail is found by the 99th percentile where the mean hides it", () => {
    const old = group(Array.from({ length: 2000 }, () => 20));
    const tail = group([...Array.from({ length: 970 }, () => 20), ...Array.from({ length: 30 }, () => 240)]);
    expect(fault(old, tail)).toContain("p99 ");
    // 5 of 1000 are within what a 99th percentile leaves out.
    const rare = group([...Array.from({ length: 995 }, () => 20), ...Array.from({ length: 5 }, () => 240)]);
    expect(fault(old, rare)).toBeNull();
  });

  test("an absolute limit holds without an old group", () => {
    expect(fault(EMPTY_GROUP, steady(100, 0, 600), { max_latency_ms: 500 })).toContain(
      "more than max_latency_ms (500)",
    );
    expect(fault(EMPTY_GROUP, steady(100, 0, 400), { max_latency_ms: 500 })).toBeNull();
  });

  test("the same service behind both groups is not told apart; one that is twice as slow is", () => {
    const random = new Prng(13);
    let alarms = 0;
    let found = 0;
    for (let run = 0; run < 200; run++) {
      const old = group(durations(random, 2000, 40));
      if (fault(old, group(durations(random, 120, 40))) !== null) alarms++;
      if (fault(old, group(durations(random, 120, 80))) !== null) found++;
    }
    expect(alarms).toBeLessThan(6);
    expect(found).toBeGreaterThan(190);
  });

  test("a tail that the old group has too is no fault of the new one", () => {
    const random = new Prng(14);
    let alarms = 0;
    for (let run = 0; run < 200; run++) {
      const tailed = (count: number): number[] =>
        durations(random, count, 20, 0.3).map((ms) => (random.chance(0.01) ? ms + 1000 : ms));
      if (fault(group(tailed(100)), group(tailed(100))) !== null) alarms++;
    }
    expect(alarms).toBeLessThan(12);
  });
});

test("both groups need enough requests, the old one only while it has a share", () => {
  expect(hasEnough(windowsOf(steady(50), steady(50)), 5, DEFAULTS)).toBe(true);
  expect(hasEnough(windowsOf(steady(50), steady(49)), 5, DEFAULTS)).toBe(false);
  expect(hasEnough(windowsOf(steady(49), steady(50)), 99, DEFAULTS)).toBe(false);
  expect(hasEnough(windowsOf(EMPTY_GROUP, steady(50)), 100, DEFAULTS)).toBe(true);
});

test("figures of a window are those of its durations, as closely as its cells are", () => {
  const random = new Prng(15);
  const samples = durations(random, 5000, 60);
  const window = group(samples);
  const sorted = samples.toSorted((a, b) => a - b);
  const mean = samples.reduce((sum, each) => sum + each, 0) / samples.length;
  const variance = samples.reduce((sum, each) => sum + (each - mean) ** 2, 0) / samples.length;
  expect(meanMs(window)).toBeCloseTo(mean, 6);
  expect(varianceMs2(window) / variance).toBeWithin(0.9, 1.15);
  expect((quantileMs(window, 0.5) ?? 0) / (sorted[2500] ?? 1)).toBeWithin(0.95, 1.05);
  expect((quantileMs(window, 0.99) ?? 0) / (sorted[4950] ?? 1)).toBeWithin(0.8, 1.25);
  const slow = samples.filter((each) => each > 100).length;
  expect(slowerThan(window, 100)).toBe(slow);
  expect(slowerThan(window, 99)).toBeLessThanOrEqual(samples.filter((each) => each > 99).length);
  expect([meanMs(EMPTY_GROUP), quantileMs(EMPTY_GROUP, 0.5), varianceMs2(EMPTY_GROUP)]).toEqual([
    null,
    null,
    0,
  ]);
});
