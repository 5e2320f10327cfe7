import { describe, expect, test } from "bun:test";
import type { PickerOptions } from "../../../core/balancing/options.ts";
import { newPickQuery, Pick, type PickQuery } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import { STRATEGY_NAMES } from "../../../core/balancing/strategies/names.ts";
import {
  CLOSED_GROUP,
  FROM_GROUP,
  type MigrationGroup,
  NO_GROUP,
  TO_GROUP,
} from "../../../core/table/backend/migration-split.ts";
import { hashStickyId } from "../../../core/table/sticky-table.ts";
import { openTables, type Tables } from "../../../core/table/tables.ts";
import { GB, NOW_MS, newOptions, newTables, tierOf } from "../../sim/fixtures.ts";

function reasonsOf(world: World): (string | null)[] {
  return world.picker.explain({ ...newPickQuery(), nowMs: NOW_MS }).rows.map(({ reason }) => reason);
}

function isRoutable(world: World, row: number): boolean {
  return world.picker.verdict(row, { ...newPickQuery(), nowMs: NOW_MS }).filter === null;
}

const RULES = { salt: 7, movesSessions: false, byClient: false };

class World {
  readonly tables: Tables;
  readonly picker: Picker;

  constructor(
    worker = 0,
    options: Partial<PickerOptions> = {},
    shared = newTables({ workers: 2, maxStickyEntries: 65_536 }),
  ) {
    this.tables = openTables(shared, worker);
    this.picker = new Picker(this.tables, newOptions([tierOf("one", 1)], options));
  }

  add(group: MigrationGroup, freeCores = 1000): number {
    const row = this.tables.backends.claimRow()?.row ?? -1;
    this.tables.backends.writeReport(row, {
      reportedAtMs: NOW_MS,
      freeCores,
      memoryAvailBytes: 100 * GB,
      diskAvailBytes: 100 * GB,
      gpuVramFreeBytes: [],
      baseScores: [1],
      gpuMasks: [0],
    });
    this.tables.migration.setGroup(row, group);
    this.tables.backends.setEnabled(row, true);
    return row;
  }

  /** The row that takes a request which ends at once; the status when none does. */
  ask(query: Partial<PickQuery> = {}): number | string {
    const pick = new Pick();
    const status = this.picker.pick({ ...newPickQuery(), nowMs: NOW_MS, ...query }, pick);
    if (status !== "picked") return status;
    this.picker.settle(pick, NOW_MS);
    return pick.row;
  }

  get fallbacks(): number {
    return this.tables.counters.sum("migration_fallbacks");
  }
}

function session(id: string): Partial<PickQuery> {
  const { hi, lo } = hashStickyId(id);
  return { sticky: true, stickyHi: hi, stickyLo: lo };
}

function client(id: number): Partial<PickQuery> {
  return { client: true, clientHi: 0, clientLo: id };
}

describe("requests without an identity", () => {
  test("the new group's share of any part of the sequence is its share, to within a request or two", () => {
    for (const share of [0.01, 0.05, 0.25, 0.5, 0.999]) {
      const world = new World();
      world.add(FROM_GROUP);
      const to = world.add(TO_GROUP);
      world.tables.migration.begin(RULES, share);
      let sent = 0;
      for (let request = 1; request <= 20_000; request++) {
        if (world.ask() === to) sent++;
        expect(Math.abs(sent - share * request)).toBeLessThan(3);
      }
    }
  });

  test("other kinds of calls take no part of the sequence", () => {
    const world = new World();
    world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    world.tables.migration.begin(RULES, 0.25);
    let sent = 0;
    for (let request = 0; request < 4000; request++) {
      if (world.ask() === to) sent++;
      const query = { ...newPickQuery(), nowMs: NOW_MS };
      world.picker.explain(query);
      world.picker.verdict(to, query);
      world.picker.refusals(query);
      world.ask(session(`s${request}`));
    }
    expect(Math.abs(sent - 1000)).toBeLessThan(3);
  });

  test("backends that no migration names are as eligible as ever", () => {
    const world = new World();
    world.add(FROM_GROUP, 0);
    world.add(TO_GROUP, 0);
    const other = world.add(NO_GROUP);
    world.tables.migration.begin(RULES, 0.5);
    expect([world.ask(), world.ask(), world.ask(session("s"))]).toEqual([other, other, other]);
    expect(world.fallbacks).toBe(0);
  });
});

describe("who is moved", () => {
  const shares = [0.01, 0.05, 0.25, 0.5, 1];

  test("a session that is moved at one stage stays moved at the next, and as many are moved as the share says", () => {
    const world = new World();
    const from = world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    world.tables.migration.begin({ ...RULES, movesSessions: true }, 0);
    const ids = Array.from({ length: 4000 }, (_, index) => `session-${index}`);
    for (const id of ids) expect(world.ask(session(id))).toBe(from);
    let before = new Set<string>();
    for (const share of shares) {
      world.tables.migration.setShare(share);
      const moved = new Set(ids.filter((id) => world.ask(session(id)) === to));
      for (const id of before) expect(moved.has(id)).toBe(true);
      // Four standard deviations of a binomial share.
      const spread = 4 * Math.sqrt(share * (1 - share) * ids.length);
      expect(Math.abs(moved.size - share * ids.length)).toBeLessThanOrEqual(spread);
      before = moved;
    }
    expect(before.size).toBe(ids.length);
  });

  test("a session of the old group stays there until 100 %, a new one goes where its turn says", () => {
    const world = new World();
    const from = world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    const olds = Array.from({ length: 100 }, (_, id) => `old-${id}`);
    for (const id of olds) expect(world.ask(session(id))).toBe(from);
    world.tables.migration.begin(RULES, 0.5);
    for (const id of olds) expect(world.ask(session(id))).toBe(from);
    const fresh = Array.from({ length: 400 }, (_, id) => world.ask(session(`new-${id}`)));
    const moved = fresh.filter((row) => row === to).length;
    expect(moved).toBeGreaterThan(150);
    expect(moved).toBeLessThan(250);
    world.tables.migration.setShare(1);
    for (const id of olds) expect(world.ask(session(id))).toBe(to);
  });

  test("a session that its cookie alone tells of stays in its group until the end, whatever sessions do", () => {
    const world = new World();
    const [from, to] = [world.add(FROM_GROUP), world.add(TO_GROUP)];
    const of = (row: number) => ({
      preferredRow: row,
      preferredGeneration: world.tables.backends.generation(row),
    });
    for (const movesSessions of [false, true]) {
      world.tables.migration.begin({ ...RULES, movesSessions }, 0.9);
      for (let request = 0; request < 20; request++) {
        expect([world.ask(of(from)), world.ask(of(to))]).toEqual([from, to]);
      }
      world.tables.migration.setShare(1);
      expect([world.ask(of(from)), world.ask(of(to))]).toEqual([to, to]);
      world.tables.migration.setShare(0);
      expect([world.ask(of(from)), world.ask(of(to))]).toEqual([from, from]);
    }
  });

  test("sessions of the new group leave it when it loses its share", () => {
    const world = new World();
    const from = world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    world.tables.migration.begin(RULES, 1);
    expect(world.ask(session("s"))).toBe(to);
    world.tables.migration.setShare(0.001);
    expect(world.ask(session("s"))).toBe(to);
    world.tables.migration.setShare(0);
    expect(world.ask(session("s"))).toBe(from);
  });

  test("clients are moved as a whole when they are told apart by their address", () => {
    const world = new World();
    world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    world.tables.migration.begin({ ...RULES, byClient: true }, 0);
    let before = new Set<number>();
    for (const share of shares) {
      world.tables.migration.setShare(share);
      const moved = new Set(
        Array.from({ length: 2000 }, (_, id) => id).filter((id) => world.ask(client(id)) === to),
      );
      for (const id of moved) expect(world.ask(client(id))).toBe(to);
      for (const id of before) expect(moved.has(id)).toBe(true);
      expect(Math.abs(moved.size - share * 2000)).toBeLessThanOrEqual(
        4 * Math.sqrt(share * (1 - share) * 2000),
      );
      before = moved;
    }
  });
});

describe("falling back", () => {
  test("a request whose group cannot take it goes to the other one, and is counted", () => {
    const world = new World();
    const from = world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    world.tables.migration.begin(RULES, 1);
    world.tables.backends.setHealthy(to, false);
    expect(world.ask()).toBe(from);
    expect(world.fallbacks).toBe(1);
    world.tables.backends.setHealthy(to, true);
    world.tables.migration.setShare(0);
    world.tables.backends.setDraining(from, true);
    expect([world.ask(), world.ask(session("s"))]).toEqual([to, to]);
    expect(world.fallbacks).toBe(3);
  });

  test("a closed group gets nothing while any other backend is in service, however full that is or often it fails", () => {
    const world = new World();
    const open = world.add(NO_GROUP, 1);
    const closed = world.add(CLOSED_GROUP);
    expect(world.ask({ excluded: [open] })).toBe("no_backend");
    const held = new Pick();
    expect(world.picker.pick({ ...newPickQuery(), nowMs: NOW_MS }, held)).toBe("picked");
    expect(world.ask()).toBe("no_capacity");
    world.picker.settle(held, NOW_MS);
    expect(world.fallbacks).toBe(0);
    world.tables.backends.setHealthy(open, false);
    expect([world.ask(), world.ask(session("s"))]).toEqual([closed, closed]);
    expect(world.fallbacks).toBe(2);
    world.tables.backends.setHealthy(open, true);
    expect(world.ask(session("s"))).toBe(open);
  });

  test("backends that are only just back are no reason to go to the other group", () => {
    const world = new World(0, { slowStartMs: 10_000 });
    world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    world.tables.backends.startRamp(to, NOW_MS);
    world.tables.migration.begin(RULES, 1);
    for (let request = 0; request < 50; request++) expect(world.ask()).toBe(to);
    expect(world.fallbacks).toBe(0);
  });
});

describe("what is said of it", () => {
  test("explain names the filter for the group that a request is not for", () => {
    const world = new World();
    world.add(FROM_GROUP);
    world.add(TO_GROUP);
    world.tables.migration.begin(RULES, 0.25);
    const text = "migration: not for this request; the new group gets 25 % of them";
    expect(reasonsOf(world)).toEqual([null, text]);
    world.tables.migration.setShare(0.5001);
    expect(reasonsOf(world)).toEqual([
      "migration: not for this request; the new group gets 50.01 % of them",
      null,
    ]);
  });

  test("a backend counts as routable while its group has any share", () => {
    const world = new World();
    const from = world.add(FROM_GROUP);
    const to = world.add(TO_GROUP);
    const closed = world.add(CLOSED_GROUP);
    world.tables.migration.begin(RULES, 0.01);
    expect([from, to, closed].map((row) => isRoutable(world, row))).toEqual([true, true, false]);
    world.tables.migration.setShare(0);
    expect([from, to].map((row) => isRoutable(world, row))).toEqual([true, false]);
    world.tables.migration.setShare(1);
    expect([from, to].map((row) => isRoutable(world, row))).toEqual([false, true]);
  });
});

test("without a migration nothing is left out, also right after one", () => {
  const world = new World();
  const from = world.add(FROM_GROUP);
  const to = world.add(TO_GROUP);
  world.tables.migration.begin(RULES, 1);
  expect(world.ask({ excluded: [to] })).toBe(from);
  world.tables.migration.setGroup(from, NO_GROUP);
  world.tables.migration.setGroup(to, NO_GROUP);
  world.tables.migration.end();
  expect(world.tables.migration.isInUse).toBe(false);
  expect(world.ask({ excluded: [from, to] })).toBe("no_backend");
  expect(world.fallbacks).toBe(1);
});

test.each(STRATEGY_NAMES)("%s keeps to the shares, and falls back", (strategy) => {
  const world = new World(0, { strategy });
  world.add(FROM_GROUP);
  const to = [world.add(TO_GROUP), world.add(TO_GROUP)];
  world.add(FROM_GROUP);
  world.tables.migration.begin(RULES, 0.2);
  const rows = Array.from({ length: 2000 }, (_, index) => world.ask({ hashHi: index, hashLo: 7 * index }));
  expect(Math.abs(rows.filter((row) => to.includes(Number(row))).length - 400)).toBeLessThan(3);
  expect(world.fallbacks).toBe(0);
  for (const row of to) world.tables.backends.setHealthy(row, false);
  for (let request = 0; request < 100; request++) expect(to).not.toContain(world.ask({ hashHi: request }));
  expect(Math.abs(world.fallbacks - 20)).toBeLessThan(3);
});
