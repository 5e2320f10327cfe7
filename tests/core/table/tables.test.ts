import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import { BackendTable } from "../../../core/table/backend/backend-table.ts";
import type { RowFigures } from "../../../core/table/backend/row-figures.ts";
import { COUNTER_NAMES } from "../../../core/table/figures/counter-names.ts";
import { CounterTable } from "../../../core/table/figures/counter-table.ts";
import { CONTROL_PLANE, lock, lockOwner } from "../../../core/table/spin-lock.ts";
import { openTables, releaseWorker, type Tables } from "../../../core/table/tables.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "../../sim/fixtures.ts";

const FIGURES: RowFigures = {
  reportedAtMs: NOW_MS,
  freeCores: 4,
  memoryAvailBytes: 100,
  diskAvailBytes: 200,
  gpuVramFreeBytes: [],
  baseScores: [1],
  gpuMasks: [0],
};

function addBackend(tables: Tables, figures: Partial<RowFigures> = {}): number {
  const row = tables.backends.claimRow()?.row ?? -1;
  tables.backends.writeReport(row, { ...FIGURES, ...figures });
  tables.backends.setEnabled(row, true);
  return row;
}

function pickOn(picker: Picker): Pick {
  const pick = new Pick();
  expect(picker.pick({ ...newPickQuery(), nowMs: NOW_MS }, pick)).toBe("picked");
  return pick;
}

describe("BackendTable", () => {
  test("claims the lowest free row, with a new generation each time, until it is full", () => {
    const { backends } = openTables(newTables({ maxBackends: 2 }));
    expect(backends.claimRow()).toEqual({ row: 0, generation: 1 });
    expect(backends.claimRow()).toEqual({ row: 1, generation: 1 });
    expect(backends.claimRow()).toBeNull();
    expect(backends.limit).toBe(2);
    backends.releaseRow(0);
    expect(backends.limit).toBe(2);
    expect(backends.claimRow()).toEqual({ row: 0, generation: 3 });
    backends.releaseRow(0);
    backends.releaseRow(1);
    expect(backends.limit).toBe(0);
  });

  test("leaves a row that nobody has blank, whatever comes late for it", () => {
    const { backends } = openTables(newTables({ maxBackends: 1 }));
    backends.claimRow();
    backends.releaseRow(0);
    backends.setHealthy(0, false);
    backends.setEnabled(0, true);
    backends.setLocation(0, 5, 5);
    backends.releaseRow(0);
    expect(backends.unlocated).toBe(0);
    expect(backends.claimRow()).toEqual({ row: 0, generation: 3 });
    expect(backends.isHealthy(0)).toBe(true);
    expect(backends.isEnabled(0)).toBe(false);
  });

  test("counts the claimed rows of unknown place", () => {
    const { backends } = openTables(newTables());
    backends.claimRow();
    backends.claimRow();
    expect(backends.unlocated).toBe(2);
    backends.setLocation(0, 50, 0);
    backends.setLocation(0, 51, 8);
    expect(backends.unlocated).toBe(1);
    backends.setLocation(0, 0, 0);
    expect(backends.unlocated).toBe(2);
    backends.setLocation(0, 51, 8);
    backends.releaseRow(0);
    backends.releaseRow(1);
    expect(backends.unlocated).toBe(0);
  });

  test("is seen alike by every thread that opens the buffer, and by no other table", () => {
    const shared = newTables();
    const here = openTables(shared);
    const there = openTables(shared, 0);
    const row = addBackend(here, { freeCores: 7 });
    expect(there.backends.freeCores(row)).toBe(7);
    expect(there.backends.isEnabled(row)).toBe(true);
    expect(() => new BackendTable(shared.sticky)).toThrow("cannot open the table");
  });

  test("lets no figure in that is no number", () => {
    const { backends } = openTables(newTables());
    const row = backends.claimRow()?.row ?? -1;
    backends.writeReport(row, {
      ...FIGURES,
      memoryAvailBytes: NaN,
      diskAvailBytes: Infinity,
      baseScores: [NaN],
      reportedAtMs: NaN,
    });
    expect(backends.memoryAvailBytes(row)).toBe(0);
    expect(backends.diskAvailBytes(row)).toBe(0);
    expect(backends.baseScore(row, 0)).toBe(1e300);
    expect(backends.reportedAtMs(row)).toBe(-Infinity);
  });
});

describe("a released row", () => {
  test("takes its leases along, and late settlements do not touch its next owner", () => {
    const tables = openTables(newTables());
    const picker = new Picker(tables, newOptions([tierOf("two", 2)]));
    const row = addBackend(tables);
    const old = pickOn(picker);
    const id = picker.leaseId(old);
    tables.backends.releaseRow(row);
    expect(picker.lease(id, NOW_MS)).toBeNull();
    expect(addBackend(tables)).toBe(row);
    const fresh = pickOn(picker);
    picker.settle(old, NOW_MS);
    expect(tables.backends.inFlight(row)).toBe(1);
    expect(tables.backends.leasedCores(row)).toBe(2);
    picker.settle(fresh, NOW_MS);
    expect(tables.backends.inFlight(row)).toBe(0);
    expect(tables.backends.leasedCores(row)).toBe(0);
  });
});

describe("lease ids", () => {
  test("name one lease, and are of no use when changed or used up", () => {
    const tables = openTables(newTables());
    const picker = new Picker(tables, newOptions([tierOf("one", 1)]));
    addBackend(tables);
    const first = pickOn(picker);
    const id = picker.leaseId(first);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(picker.lease(id, NOW_MS)).toMatchObject({
      leaseId: id,
      tier: 0,
      kind: "request",
      expiresAtMs: null,
    });
    for (let i = 0; i < id.length; i++) {
      const changed = id.slice(0, i) + (id[i] === "0" ? "1" : "0") + id.slice(i + 1);
      expect(picker.lease(changed, NOW_MS)).toBeNull();
    }
    for (const odd of ["", "x", id.toUpperCase().replace(/[0-9]/g, "A"), `${id}0`]) {
      expect(picker.release(odd, NOW_MS)).toBe(false);
    }
    picker.settle(first, NOW_MS);
    const second = pickOn(picker);
    expect(second.lease).toBe(first.lease);
    expect(picker.lease(id, NOW_MS)).toBeNull();
    expect(picker.leaseId(second)).not.toBe(id);
  });
});

describe("a worker that dies", () => {
  test("leaves no lock, no lease and no request in flight behind", () => {
    const shared = newTables({ workers: 2 });
    const control = openTables(shared);
    const options = newOptions([tierOf("one", 1)]);
    const row = addBackend(control);
    const dead = openTables(shared, 0);
    const alive = openTables(shared, 1);
    const deadPicker = new Picker(dead, options);
    const alivePicker = new Picker(alive, options);
    pickOn(deadPicker);
    const kept = pickOn(alivePicker);
    pickOn(deadPicker);
    expect(control.backends.inFlight(row)).toBe(3);
    // It dies with the row, a set of sessions and the free list locked, and the row's sums half written.
    lock(dead.backends.columns.lock, row, lockOwner(0));
    dead.backends.columns.leasedCores[row] = 77;
    dead.sticky.lockSet(5, 5);
    releaseWorker(control, 0);
    expect(control.backends.inFlight(row)).toBe(1);
    expect(control.backends.leasedCores(row)).toBe(1);
    expect(alivePicker.leases(NOW_MS)).toHaveLength(1);
    control.sticky.unlockSet(control.sticky.lockSet(5, 5));
    alivePicker.settle(kept, NOW_MS);
    expect(control.leases.used).toBe(0);
    expect(control.backends.inFlight(row)).toBe(0);
    for (let i = 0; i < 4; i++) pickOn(alivePicker);
  });
});

describe("a worker that dies while it takes or frees a slot", () => {
  const [FREE_LOCK, FREE, FRESH, USED] = [4, 5, 6, 7];

  /** Does to the words of the table's header what a thread does before it stops, with the free list locked. */
  function dieWith(buffer: SharedArrayBuffer, change: (header: Int32Array) => void): void {
    const header = new Int32Array(buffer, 0, 8);
    lock(header, FREE_LOCK, lockOwner(0));
    change(header);
  }

  const deaths: Readonly<Record<string, (header: Int32Array) => void>> = {
    "after it took a fresh slot": (header) => {
      header[FRESH] = (header[FRESH] ?? 0) + 1;
    },
    "after it took a slot and counted it": (header) => {
      header[FRESH] = (header[FRESH] ?? 0) + 1;
      header[USED] = (header[USED] ?? 0) + 1;
    },
    "after it took the first free slot": (header) => {
      header[FREE] = 0;
    },
  };

  for (const [when, change] of Object.entries(deaths)) {
    test(`${when} takes none along`, () => {
      const maxLeases = 4;
      const shared = newTables({ maxLeases });
      const control = openTables(shared);
      const picker = new Picker(control, newOptions([tierOf("none", 0)]));
      addBackend(control);
      const held = pickOn(picker);
      picker.settle(pickOn(picker), NOW_MS);
      dieWith(shared.leases, change);
      releaseWorker(control, 0);
      expect(control.leases.used).toBe(1);
      const others = Array.from({ length: maxLeases - 1 }, () => pickOn(picker));
      expect(control.leases.isFull).toBe(true);
      expect(new Set([held, ...others].map((pick) => pick.lease)).size).toBe(maxLeases);
      for (const pick of [held, ...others]) picker.settle(pick, NOW_MS);
      expect(control.leases.used).toBe(0);
    });
  }
});

describe("CounterTable", () => {
  test("adds up what every thread counted, each counter by itself", () => {
    const buffer = CounterTable.allocate(3);
    const counters = new CounterTable(buffer);
    for (const [index, name] of COUNTER_NAMES.entries()) {
      for (let worker = CONTROL_PLANE; worker < 3; worker++) {
        new CounterTable(buffer, worker).inc(worker, name, index);
        counters.inc(worker, name);
      }
    }
    for (const [index, name] of COUNTER_NAMES.entries()) expect(counters.sum(name)).toBe(4 * (index + 1));
  });
});
