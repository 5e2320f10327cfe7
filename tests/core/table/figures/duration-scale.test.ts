import { expect, test } from "bun:test";
import { DurationScale } from "../../../../core/table/figures/duration-scale.ts";
import { seeded } from "../../../support/seeded.ts";

const BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000];

function counted(scale: DurationScale, durations: readonly number[]): Float64Array {
  const cells = new Float64Array(scale.cells);
  for (const ms of durations) {
    const cell = scale.cellOf(ms);
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  return cells;
}

test("a duration at a bound is within it, one above the last bound is within none", () => {
  const scale = new DurationScale(BOUNDS);
  for (const [index, bound] of BOUNDS.entries()) {
    const at = scale.cumulative(counted(scale, [bound]));
    expect(at[index]).toBe(1);
    expect(at[index - 1] ?? 0).toBe(0);
    expect(scale.cumulative(counted(scale, [bound * 1.000001]))[index]).toBe(0);
  }
  expect(scale.cumulative(counted(scale, [0, 1e9]))).toEqual([...BOUNDS.map(() => 1), 2]);
});

test("cumulative counts are those of a plain count", () => {
  const random = seeded(7);
  const durations = Array.from({ length: 5000 }, () => 10 ** (random.next() * 5 - 1));
  const scale = new DurationScale(BOUNDS);
  const plain = BOUNDS.map((bound) => durations.filter((ms) => ms <= bound).length);
  expect(scale.cumulative(counted(scale, durations))).toEqual([...plain, durations.length]);
});

test("quantiles are within a quarter of an interval of the true ones", () => {
  const random = seeded(11);
  const durations = Array.from({ length: 5000 }, () => 10 ** (random.next() * 3)).toSorted((a, b) => a - b);
  const scale = new DurationScale(BOUNDS);
  const cells = counted(scale, durations);
  for (const q of [0.01, 0.5, 0.9, 0.99]) {
    const exact = durations[Math.ceil(q * durations.length) - 1] ?? 0;
    const ratio = (scale.quantile(cells, q) ?? 0) / exact;
    expect(ratio).toBeGreaterThan(0.75);
    expect(ratio).toBeLessThan(1.34);
  }
  expect(scale.quantile(new Float64Array(scale.cells), 0.5)).toBeNull();
});
