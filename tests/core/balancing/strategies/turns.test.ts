/** The strategies that take turns, against the definition of their sequences; also over several threads. */
import { afterEach, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { StrategyName } from "../../../../core/balancing/strategies/names.ts";
import { FROM_GROUP, TO_GROUP } from "../../../../core/table/backend/migration-split.ts";
import { openTables, releaseWorker } from "../../../../core/table/tables.ts";
import { newOptions, newTables } from "../../../sim/fixtures.ts";
import { Hammer } from "../hammer.ts";
import { addMember, counts, FleetUnderTest, TIERS } from "./fleet.ts";

const THREADS = 4;
let hammer: Hammer | null = null;

afterEach(async () => {
  await hammer?.stop();
  hammer = null;
});

/**
 * The definition of smooth weighted turns: at turn t, from 1, the row whose due share t·w exceeds what it has had, n·W,
 * by the most; of equals the first.
 */
function smoothSequence(weights: readonly number[], turns: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const had = weights.map(() => 0);
  return Array.from({ length: turns }, (_, index) => {
    const due = weights.map((weight, row) => (index + 1) * weight - (had[row] ?? 0) * total);
    const row = due.indexOf(Math.max(...due));
    had[row] = (had[row] ?? 0) + 1;
    return row;
  });
}

/** Counts by row of what four threads picked at the same time, all picks held. */
async function pickedByThreads(
  strategy: StrategyName,
  weights: readonly number[],
  each: number,
): Promise<number[]> {
  const shared = newTables({ workers: THREADS, maxBackends: 16, maxLeases: 16_384 });
  const tables = openTables(shared);
  for (const weight of weights) addMember(tables, { weight, freeCores: 2 ** 30 });
  hammer = new Hammer(THREADS, shared, newOptions(TIERS, { strategy }), [{ kind: "fill", count: each }]);
  const answers = await hammer.step();
  return counts(
    answers.flatMap(({ rows }) => rows),
    weights.length,
  );
}

describe("weighted_round_robin", () => {
  const strategy = "weighted_round_robin";

  test("of 5, 1 and 1 is nginx's a a b a c a a", () => {
    const fleet = new FleetUnderTest({ strategy }, [5, 1, 1]);
    expect(fleet.rows(14)).toEqual([0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
  });

  test("is the sequence of the definition for any weights", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(weights, (list) => {
        const turns = Math.min(200, 2 * list.reduce((sum, weight) => sum + weight, 0));
        const fleet = new FleetUnderTest({ strategy }, list);
        expect(fleet.rows(turns)).toEqual(smoothSequence(list, turns));
      }),
      { numRuns: 150, seed: 20_260_201 },
    );
  });

  test("of several threads are the turns of one: after whole rounds each has exactly its share", async () => {
    expect(await pickedByThreads(strategy, [7, 3, 2, 1, 1], 14 * 100)).toEqual([2800, 1200, 800, 400, 400]);
  });

  test("goes on evenly when a row leaves and comes back", () => {
    const fleet = new FleetUnderTest({ strategy }, [2, 2, 2]);
    fleet.rows(4);
    fleet.tables.backends.setDraining(1, true);
    const [first = 0, gone, last = 0] = counts(fleet.rows(10), 3);
    expect(gone).toBe(0);
    expect(Math.abs(first - last)).toBeLessThanOrEqual(2);
    fleet.tables.backends.setDraining(1, false);
    for (const count of counts(fleet.rows(30), 3)) expect(Math.abs(count - 10)).toBeLessThanOrEqual(1);
  });

  test.each(["weighted_round_robin", "least_connections"] as const)(
    "%s does not pay back in small weights what was saved up in large ones",
    (name) => {
      const fleet = new FleetUnderTest({ strategy: name }, [1000, 1, 999]);
      fleet.rows(500);
      for (const row of [0, 1, 2]) fleet.tables.backends.setPreference(row, { weight: 1, backupOf: -1 });
      const [first = 0, second = 0, third = 0] = counts(fleet.rows(30), 3);
      expect(Math.max(first, second, third)).toBeLessThanOrEqual(15);
      for (const count of counts(fleet.rows(300), 3)) expect(Math.abs(count - 100)).toBeLessThanOrEqual(2);
    },
  );

  test("weighs by free cores where that is asked for, a row of unknown size as the mean", () => {
    const fleet = new FleetUnderTest({ strategy, weightByCapacity: true });
    const cores = [8, 2, 0, 2 ** 31 - 1];
    for (const freeCores of cores) addMember(fleet.tables, { weight: 2, freeCores });
    // Shares 8, 2, 1 and their mean, 11/3: 24, 6, 3 and 11 of 44.
    expect(counts(fleet.rows(440), 4)).toEqual([240, 60, 30, 110]);
  });

  test("is not stopped by a thread that died in its turn", () => {
    const shared = newTables({ workers: 2, maxBackends: 4 });
    const control = openTables(shared);
    const { smoothLock } = control.backends.columns.balance;
    smoothLock[0] = openTables(shared, 1).backends.owner;
    releaseWorker(control, 1);
    expect(smoothLock[0]).toBe(0);
  });
});

describe("round_robin", () => {
  const strategy = "round_robin";

  test("goes round, past those that cannot take it, whatever their weights", () => {
    const fleet = new FleetUnderTest({ strategy }, [1, 9, 1, 1]);
    fleet.tables.backends.setDraining(2, true);
    expect(fleet.rows(7)).toEqual([1, 3, 0, 1, 3, 0, 1]);
  });

  test("goes round once for all threads", async () => {
    expect(await pickedByThreads(strategy, [1, 1, 1, 1, 1], 500)).toEqual([400, 400, 400, 400, 400]);
  });

  test("goes round for each tier by itself", () => {
    const tiers = [...TIERS, ...TIERS];
    const fleet = new FleetUnderTest({ strategy, tiers }, [1, 1]);
    expect(fleet.rows(6, (index) => ({ tier: index % 2 }))).toEqual([1, 1, 0, 0, 1, 1]);
  });

  test.each([
    ["groups of paths", [0, 0, 1, 1]],
    ["a part of one and the other", [0, 0, 1, 2]],
  ] as const)("goes round within each service, however their requests come together: %s", (_, groups) => {
    const fleet = new FleetUnderTest({ strategy }, [1, 1, 1, 1]);
    for (const [row, group] of groups.entries()) fleet.tables.backends.setPathGroup(row, group);
    const services = [Int32Array.of(0, -1, -1), Int32Array.of(-1, 0, 0)];
    const rows = fleet.rows(400, (index) => ({ endpointOfGroup: services[index % 2] ?? null }));
    expect(counts(rows, 4)).toEqual([100, 100, 100, 100]);
  });

  test("goes round within both groups of a migration", () => {
    const fleet = new FleetUnderTest({ strategy }, [1, 1, 1, 1]);
    const { migration } = fleet.tables;
    for (const row of [0, 1, 2, 3]) migration.setGroup(row, row < 2 ? FROM_GROUP : TO_GROUP);
    migration.begin({ salt: 1, movesSessions: false, byClient: false }, 0.5);
    for (const count of counts(fleet.rows(400), 4)) expect(Math.abs(count - 100)).toBeLessThanOrEqual(2);
  });
});
