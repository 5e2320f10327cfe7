import { describe, expect, test } from "bun:test";
import { feedLatency, LEAST_LATENCY_MS, latencyAtLoad } from "../../../core/balancing/latency.ts";
import { Pick } from "../../../core/balancing/pick.ts";
import { FleetUnderTest } from "./strategies/fleet.ts";

const DECAY_MS = 10_000;

class Fed extends FleetUnderTest {
  constructor() {
    super({ strategy: "least_time", latencyDecayMs: DECAY_MS }, [1]);
  }

  feed(ms: number, afterMs = 0, failed = false): number {
    this.nowMs += afterMs;
    const pick = Object.assign(new Pick(), { row: 0, generation: this.tables.backends.generation(0) });
    this.picker.latency(pick, ms, this.nowMs, failed);
    return this.seen();
  }

  seen(): number {
    return this.picker.explain(this.query()).rows[0]?.score ?? NaN;
  }
}

test("the mean by load is that of the same load, else of the nearest lower one, else of a higher one", () => {
  const { balance } = new FleetUnderTest({}, [1, 1]).tables.backends.columns;
  const feed = (ms: number, others: number, failed = false): void =>
    feedLatency(balance, 0, { ms, nowMs: 1000, failed, others, slowestMs: 0 }, DECAY_MS);
  const seen = (...loads: number[]): number[] => loads.map((others) => latencyAtLoad(balance, 0, others));
  expect(seen(0, 5)).toEqual([0, 0]);
  feed(40, 5);
  expect(seen(0, 4, 7, 1000)).toEqual([40, 40, 40, 40]);
  feed(10, 0);
  feed(900, 64);
  expect(seen(0, 3, 4, 63, 64, 1e6)).toEqual([10, 10, 40, 40, 900, 900]);
  // A fifth of the difference, and down only for what succeeded.
  feed(20, 0);
  feed(2, 5, true);
  expect(seen(0, 5)).toEqual([12, 40]);
  expect(latencyAtLoad(balance, 1, 0)).toBe(0);
});

describe("the latency of a row", () => {
  test("follows a peak at once, and what is lower by the time that has passed", () => {
    const fed = new Fed();
    expect(fed.seen()).toBe(LEAST_LATENCY_MS);
    expect(fed.feed(10)).toBe(10);
    expect(fed.feed(200)).toBe(200);
    expect(fed.feed(10)).toBe(200);
    expect(fed.feed(10, DECAY_MS)).toBeCloseTo(10 + 190 / Math.E, 9);
    expect(fed.feed(10, 20 * DECAY_MS)).toBeCloseTo(10, 6);
  });

  test("is believed less the longer nobody met it, and never less than the least", () => {
    const fed = new Fed();
    fed.feed(1000);
    fed.nowMs += 3 * DECAY_MS;
    expect(fed.seen()).toBeCloseTo(1000 * Math.exp(-3), 9);
    fed.nowMs += 15 * DECAY_MS;
    expect(fed.seen()).toBe(LEAST_LATENCY_MS);
    expect(fed.feed(5)).toBeCloseTo(5, 3);
  });

  test("never gets better by a failure, however fast, and gets worse by a slow one", () => {
    const fed = new Fed();
    fed.feed(50);
    expect(fed.feed(1, 2 * DECAY_MS, true)).toBe(50);
    expect(fed.feed(900, 0, true)).toBe(900);
  });

  test("is not fed by a pick whose backend has gone", () => {
    const fed = new Fed();
    const late = fed.take();
    fed.tables.backends.releaseRow(0);
    fed.tables.backends.claimRow();
    fed.picker.latency(late, 5, fed.nowMs);
    expect(fed.tables.backends.columns.balance.latencyMs[0]).toBe(0);
  });
});
