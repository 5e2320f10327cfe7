/** Weight 0 and backups: which rows may take new requests, beside what they report. */
import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick, type PickQuery } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import { BACKUP_OF_ALL, NO_BACKUP } from "../../../core/table/backend/backend-columns.ts";
import { openTables, type Tables } from "../../../core/table/tables.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "../../sim/fixtures.ts";

class World {
  readonly tables: Tables = openTables(newTables());
  readonly picker: Picker;

  constructor(panicBelow = 0) {
    this.picker = new Picker(this.tables, newOptions([tierOf("one", 1)], { panicBelow }));
  }

  /** A backend with that many free cores; of several, the earlier has the better score. */
  add(freeCores = 1): number {
    const row = this.tables.backends.claimRow()?.row ?? -1;
    this.tables.backends.writeReport(row, {
      reportedAtMs: NOW_MS,
      freeCores,
      memoryAvailBytes: 0,
      diskAvailBytes: 0,
      gpuVramFreeBytes: [],
      baseScores: [row],
      gpuMasks: [0],
    });
    this.tables.backends.setEnabled(row, true);
    return row;
  }

  prefer(row: number, preference: { readonly weight?: number; readonly backupOf?: number }): void {
    this.tables.backends.setPreference(row, { weight: 1, backupOf: NO_BACKUP, ...preference });
  }

  pick(query: Partial<PickQuery> = {}): number | string {
    const pick = new Pick();
    const status = this.picker.pick({ ...newPickQuery(), nowMs: NOW_MS, ...query }, pick);
    return status === "picked" ? pick.row : status;
  }

  reasons(): (string | null)[] {
    return this.picker.explain({ ...newPickQuery(), nowMs: NOW_MS }).rows.map(({ reason }) => reason);
  }
}

const SESSION: Partial<PickQuery> = { sticky: true, stickyHi: 1, stickyLo: 2 };

describe("a weight of 0", () => {
  test("keeps new requests away and leaves sessions where they are", () => {
    const world = new World();
    const first = world.add(5);
    const other = world.add(5);
    expect(world.pick(SESSION)).toBe(first);
    world.prefer(first, { weight: 0 });
    expect(world.pick()).toBe(other);
    expect(world.pick(SESSION)).toBe(first);
    expect(world.reasons()).toEqual(["weight: it is 0, the backend takes no new sessions", null]);
    world.prefer(other, { weight: 0 });
    expect(world.pick()).toBe("no_backend");
  });

  test("and whose backup it is go with the backend", () => {
    const world = new World();
    const first = world.add();
    world.prefer(first, { weight: 0 });
    world.tables.backends.releaseRow(first);
    expect(world.add()).toBe(first);
    expect(world.pick()).toBe(first);
  });

  test("a weight that is no number from 0 on, and the backup of no row, are refused", () => {
    const world = new World();
    const row = world.add();
    for (const weight of [-1, NaN, Infinity]) expect(() => world.prefer(row, { weight })).toThrow(RangeError);
    for (const backupOf of [-3, 16]) expect(() => world.prefer(row, { backupOf })).toThrow(RangeError);
    expect(world.tables.backends.preferences.of(row)).toEqual({ weight: 1, backupOf: NO_BACKUP });
  });
});

describe("a backup", () => {
  test("of all waits until every other is full, unhealthy, or was tried", () => {
    const world = new World();
    const backup = world.add(9);
    const [first, second] = [world.add(), world.add()];
    world.prefer(backup, { backupOf: BACKUP_OF_ALL });
    expect(world.reasons()[0]).toBe("backup: a backend that it stands in for can take it");
    expect(world.pick({ excluded: [first, second] })).toBe(backup);
    expect(world.pick()).toBe(first);
    expect(world.pick()).toBe(second);
    expect(world.pick()).toBe(backup);
    world.tables.backends.setHealthy(first, false);
    expect(world.pick()).toBe(backup);
  });

  test("of one waits for that one alone", () => {
    const world = new World();
    const backup = world.add(9);
    const [first, second] = [world.add(), world.add(9)];
    world.prefer(backup, { backupOf: first });
    expect(world.pick()).toBe(first);
    expect(world.pick()).toBe(backup);
    world.tables.backends.setHealthy(second, false);
    expect(world.pick()).toBe(backup);
  });

  test("of a backup waits for it, also while that waits itself", () => {
    const world = new World();
    const [last, middle, first] = [world.add(), world.add(), world.add()];
    world.prefer(last, { backupOf: middle });
    world.prefer(middle, { backupOf: first });
    expect([world.pick(), world.pick(), world.pick()]).toEqual([first, middle, last]);
  });

  test("of each other, and of itself, are not left out both", () => {
    const world = new World();
    const [first, second] = [world.add(), world.add()];
    world.prefer(first, { backupOf: first });
    expect(world.pick()).toBe(first);
    const third = world.add();
    world.prefer(first, { backupOf: third });
    world.prefer(second, { backupOf: first });
    world.prefer(third, { backupOf: second });
    world.tables.backends.setDraining(first, true);
    expect([world.pick(), world.pick()]).toEqual([second, third]);
    world.tables.backends.setDraining(first, false);
    world.tables.backends.writeReport(first, {
      reportedAtMs: NOW_MS,
      freeCores: 2,
      memoryAvailBytes: 0,
      diskAvailBytes: 0,
      gpuVramFreeBytes: [],
      baseScores: [0],
      gpuMasks: [0],
    });
    expect([world.pick(), world.pick()]).toEqual([first, "no_capacity"]);
  });

  test("stands in for nobody once the backend that it stood in for is gone", () => {
    const world = new World();
    const backup = world.add(9);
    const gone = world.add();
    world.prefer(backup, { backupOf: gone });
    world.tables.backends.releaseRow(gone);
    expect(world.add()).toBe(gone);
    expect(world.pick()).toBe(backup);
    expect(world.tables.backends.preferences.backupRows).toBe(0);
  });

  test("is used in a panic beside the unhealthy that it stands in for", () => {
    const world = new World(0.9);
    const backup = world.add(9);
    const sick = world.add();
    world.prefer(backup, { backupOf: BACKUP_OF_ALL });
    world.tables.backends.setHealthy(sick, false);
    expect(world.pick()).toBe(backup);
    expect(world.reasons()).toEqual([null, null]);
  });
});
