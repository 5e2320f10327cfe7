import { describe, expect, test } from "bun:test";
import {
  EARLY_LOOK_Z,
  LAST_LOOK_Z,
  leastDifference,
  leastExcess,
  wilson,
} from "../../../core/migration/statistics.ts";
import { Prng } from "../../sim/prng.ts";

describe("Wilson's interval", () => {
  test("gives the values that the literature has", () => {
    const { low, high } = wilson(56, 70, 1.96);
    expect(low).toBeCloseTo(0.6919, 3);
    expect(high).toBeCloseTo(0.8767, 3);
    expect(wilson(0, 10, 1.96).low).toBe(0);
    expect(wilson(0, 10, 1.96).high).toBeCloseTo(0.2775, 3);
    expect(wilson(0, 0, 1.96)).toEqual({ low: 0, high: 1 });
  });

  test("solves the equation that defines it: at each end the score statistic is z", () => {
    const random = new Prng(1);
    for (let round = 0; round < 500; round++) {
      const total = random.int(1, 5000);
      const hits = random.int(0, total);
      const z = random.between(0.5, 4);
      const { low, high } = wilson(hits, total, z);
      for (const end of [low, high]) {
        if (end <= 0 || end >= 1) continue;
        const score = Math.abs(hits / total - end) / Math.sqrt((end * (1 - end)) / total);
        expect(score).toBeCloseTo(z, 6);
      }
    }
  });

  test("covers the truth about as often as it says", () => {
    const random = new Prng(2);
    for (const [share, total] of [
      [0.02, 500],
      [0.1, 200],
      [0.01, 2000],
    ] as const) {
      let above = 0;
      const rounds = 3000;
      for (let round = 0; round < rounds; round++) {
        let hits = 0;
        for (let trial = 0; trial < total; trial++) if (random.chance(share)) hits++;
        if (wilson(hits, total, LAST_LOOK_Z).low > share) above++;
      }
      expect(above / rounds).toBeLessThan(0.08);
      expect(above / rounds).toBeGreaterThan(0.02);
    }
  });
});

describe("Newcombe's difference", () => {
  test("gives the value of his table: 56/70 less 48/80", () => {
    // Method 10 at 95 %: 0.0524 to 0.3339 (Newcombe 1998, Statistics in Medicine 17:873-890, table II, contrast a).
    expect(leastDifference({ hits: 56, total: 70 }, { hits: 48, total: 80 }, 1.959_964)).toBeCloseTo(
      0.0524,
      4,
    );
    // Contrast b, 9/10 less 3/10: 0.1705.
    expect(leastDifference({ hits: 9, total: 10 }, { hits: 3, total: 10 }, 1.959_964)).toBeCloseTo(0.1705, 4);
  });

  test("claims a difference of equals no more often than agreed, at any size", () => {
    const random = new Prng(3);
    for (const [share, ours, theirs] of [
      [0.01, 100, 10_000],
      [0.05, 60, 60],
      [0.3, 200, 2000],
    ] as const) {
      let claims = 0;
      for (let round = 0; round < 2000; round++) {
        const seen = (total: number) => {
          let hits = 0;
          for (let trial = 0; trial < total; trial++) if (random.chance(share)) hits++;
          return { hits, total };
        };
        if (leastDifference(seen(ours), seen(theirs), LAST_LOOK_Z) > 0) claims++;
      }
      // A little above 5 % where so few errors are expected that their number jumps.
      expect(claims / 2000).toBeLessThan(0.1);
    }
  });

  test("says nothing without a request on either side", () => {
    expect(leastDifference({ hits: 3, total: 3 }, { hits: 0, total: 0 }, LAST_LOOK_Z)).toBe(-1);
  });
});

test("the excess of a mean counts both standard errors", () => {
  expect(leastExcess({ mean: 110, error: 3 }, { mean: 100, error: 4 }, LAST_LOOK_Z)).toBeCloseTo(
    10 - 1.645 * 5,
    9,
  );
  expect(leastExcess({ mean: 110, error: 3 }, { mean: 100, error: 4 }, EARLY_LOOK_Z)).toBeLessThan(0);
});
