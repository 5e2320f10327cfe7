/** Shares of the requests, against what each strategy's rule comes to in arithmetic. */
import { describe, expect, test } from "bun:test";
import { Pick } from "../../../../core/balancing/pick.ts";
import type { StrategyName } from "../../../../core/balancing/strategies/names.ts";
import { addMember, client, counts, FleetUnderTest } from "./fleet.ts";

const PICKS = 40_000;

function shares(rows: readonly number[], size: number): number[] {
  return counts(rows, size).map((count) => count / rows.length);
}

/** Four standard deviations of a binomial share: one run in 16,000 would fail by chance, and the seed is fixed. */
function expectShares(actual: readonly number[], expected: readonly number[]): void {
  for (const [index, share] of expected.entries()) {
    const tolerance = 4 * Math.sqrt((share * (1 - share)) / PICKS);
    expect(Math.abs((actual[index] ?? 0) - share)).toBeLessThanOrEqual(tolerance);
  }
}

function feed(fleet: FleetUnderTest, row: number, ms: number): void {
  const pick = Object.assign(new Pick(), { row, generation: fleet.tables.backends.generation(row) });
  fleet.picker.latency(pick, ms, fleet.nowMs);
}

describe("weights", () => {
  test.each([
    ["random", "by chance"],
    ["ip_hash", "of clients"],
    ["power_of_two", "while nothing is in flight: the first of two is taken"],
  ] as const)("%s gives each its share of them, %s", (strategy: StrategyName) => {
    const fleet = new FleetUnderTest({ strategy }, [1, 2, 3, 4]);
    expectShares(shares(fleet.rows(PICKS, client), 4), [0.1, 0.2, 0.3, 0.4]);
  });

  test.each(["random", "power_of_two"] as const)("%s draws by weight in a larger fleet too", (strategy) => {
    const fleet = new FleetUnderTest({ strategy }, [1, 2, 3, 4, 1, 2, 3, 4, 50, 5, 5, 10]);
    fleet.tables.backends.setDraining(8, true);
    const found = shares(fleet.rows(PICKS), 12);
    expectShares(
      found,
      [1, 2, 3, 4, 1, 2, 3, 4, 0, 5, 5, 10].map((weight) => weight / 40),
    );
    // A fleet of which one alone is left.
    for (let row = 0; row < 11; row++) fleet.tables.backends.setDraining(row, true);
    expect(new Set(fleet.rows(100))).toEqual(new Set([11]));
  });

  test.each(["weighted_round_robin", "random"] as const)(
    "%s multiplies them by the cores that are free, where it is told to; unknown cores are the mean",
    (strategy) => {
      const fleet = new FleetUnderTest({ strategy, weightByCapacity: true });
      const unknown = 2 ** 31 - 1;
      for (const [weight = 0, freeCores = 0] of [
        [4, 1],
        [1, 2],
        [1, 6],
        [1, unknown],
      ]) {
        addMember(fleet.tables, { weight, freeCores });
      }
      expectShares(shares(fleet.rows(PICKS), 4), [4 / 15, 2 / 15, 6 / 15, 3 / 15]);
    },
  );

  test("least_connections keeps what is in flight in their proportion, and idle turns too", () => {
    const fleet = new FleetUnderTest({ strategy: "least_connections" }, [1, 2, 3, 4]);
    expect(counts(fleet.rows(1000), 4)).toEqual([100, 200, 300, 400]);
    const held = Array.from({ length: 50 }, () => fleet.take().row);
    expect(counts(held, 4)).toEqual([5, 10, 15, 20]);
  });

  test("power_of_two: of two equals the second is taken where only the first is busy", () => {
    const fleet = new FleetUnderTest({ strategy: "power_of_two" }, [1, 1, 1, 1]);
    fleet.take({ excluded: [1, 2, 3] });
    // The busy one is left when it is one of the two, unless it would be both: never.
    expectShares(shares(fleet.rows(PICKS), 4), [0, 1 / 3, 1 / 3, 1 / 3]);
  });
});

describe("latency", () => {
  test("least_time keeps latency times in flight, for the weight, level", () => {
    const fleet = new FleetUnderTest({ strategy: "least_time" }, [1, 1, 2]);
    for (const [row, ms] of [10, 20, 40].entries()) feed(fleet, row, ms);
    const held = Array.from({ length: 200 }, () => fleet.take().row);
    // In flight and one, as weight / latency: 203 in 1/10 : 1/20 : 2/40.
    for (const [row, level] of [101.5, 50.75, 50.75].entries()) {
      expect(Math.abs((counts(held, 3)[row] ?? 0) + 1 - level)).toBeLessThanOrEqual(1);
    }
  });

  test("least_time tries one that no request has met, but not with all of them", () => {
    const fleet = new FleetUnderTest({ strategy: "least_time" }, [1, 1, 1, 1]);
    for (const row of [0, 1, 2]) feed(fleet, row, 10);
    const held = Array.from({ length: 40 }, () => fleet.take().row);
    expect(counts(held, 4)).toEqual([10, 10, 10, 10]);
  });

  test("prequal goes by latency among those that are not hot", () => {
    const fleet = new FleetUnderTest({ strategy: "prequal", hotQuantile: 0.5 }, [1, 1, 1, 1]);
    for (const [row, ms] of [5, 10, 20, 40].entries()) feed(fleet, row, ms);
    expect(fleet.rows(50)).toEqual(Array.from({ length: 50 }, () => 0));
    const busy = [fleet.take({ excluded: [1, 2, 3] }), fleet.take({ excluded: [1, 2, 3] })];
    // In flight 2, 0, 0, 0: the median is 0.
    expect(new Set(fleet.rows(50))).toEqual(new Set([1]));
    for (const pick of busy) fleet.picker.settle(pick, fleet.nowMs);
    expect(fleet.rows(1)).toEqual([0]);
  });

  test("prequal decides between equals by chance, also in a fleet larger than its pool", () => {
    const weights = Array.from({ length: 40 }, () => 1);
    const fleet = new FleetUnderTest({ strategy: "prequal" }, weights);
    for (const row of weights.keys()) feed(fleet, row, 10);
    const found = counts(fleet.rows(PICKS), 40);
    for (const count of found) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(1000));
  });
});

describe("resource", () => {
  test("without differences in the reports fills cores in their proportion", () => {
    const fleet = new FleetUnderTest({ strategy: "resource" });
    for (const cores of [64, 32, 16]) addMember(fleet.tables, { coreCost: 100 / cores });
    const held = Array.from({ length: 112 }, () => fleet.take().row);
    for (const [row, cores] of [64, 32, 16].entries()) {
      expect(Math.abs((counts(held, 3)[row] ?? 0) - cores)).toBeLessThanOrEqual(1);
    }
  });

  test("makes up for a better report, and then shares evenly", () => {
    const fleet = new FleetUnderTest({ strategy: "resource" });
    // 20 percent less CPU in use of 50 cores: ten requests more.
    for (const score of [10, 30, 30]) addMember(fleet.tables, { score, coreCost: 2 });
    const held = Array.from({ length: 100 }, () => fleet.take().row);
    expect(counts(held, 3)).toEqual([40, 30, 30]);
  });

  test("takes what reports show by now for known: half of what is new with each", () => {
    const fleet = new FleetUnderTest({ strategy: "resource" });
    for (let index = 0; index < 2; index++) addMember(fleet.tables, { coreCost: 1 });
    const { seenLoad } = fleet.tables.backends.columns.balance;
    for (let index = 0; index < 8; index++) fleet.take({ excluded: [1] });
    const report = (atMs: number, coreCost: number | undefined): void =>
      fleet.tables.backends.writeReport(0, {
        reportedAtMs: fleet.nowMs + atMs,
        freeCores: 100,
        ...(coreCost === undefined ? {} : { coreCost }),
        memoryAvailBytes: 0,
        diskAvailBytes: 0,
        gpuVramFreeBytes: [],
        baseScores: [10],
        gpuMasks: [0],
      });
    report(1, 1);
    expect(seenLoad[0]).toBe(4);
    // A probe writes the same report again.
    report(1, 1);
    expect(seenLoad[0]).toBe(4);
    report(2, 1);
    expect(seenLoad[0]).toBe(6);
    expect(fleet.picker.explain(fleet.query()).rows[0]).toMatchObject({ loadTerm: 2, score: 12 });
    // A report without cores shows nothing of what they do.
    report(3, undefined);
    expect(fleet.picker.explain(fleet.query()).rows[0]).toMatchObject({ loadTerm: 8 * 12.5 });
  });

  test("goes by reports alone where the weight of load is 0", () => {
    const fleet = new FleetUnderTest({ strategy: "resource", inFlightWeight: 0 });
    for (const score of [10, 11]) addMember(fleet.tables, { score });
    expect(new Set(Array.from({ length: 50 }, () => fleet.take().row))).toEqual(new Set([0]));
  });
});
