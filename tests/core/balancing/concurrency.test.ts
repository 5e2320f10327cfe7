/** Four threads over one set of tables: capacity is exact, whatever the interleaving. */
import { afterEach, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import { openTables, type Tables } from "../../../core/table/tables.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "../../sim/fixtures.ts";
import { Hammer, type HammerStep } from "./hammer.ts";

const THREADS = 4;
const TIERS = [tierOf("one", 1)];
const OPTIONS = newOptions(TIERS);
const CORES = [5, 7, 9];
const ROOM = 5 + 7 + 9;
let hammer: Hammer | null = null;

afterEach(async () => {
  await hammer?.stop();
  hammer = null;
});

function start(steps: readonly HammerStep[]): Tables {
  const shared = newTables({ workers: THREADS, maxBackends: 8 });
  const tables = openTables(shared);
  for (const freeCores of CORES) addBackend(tables, freeCores);
  hammer = new Hammer(THREADS, shared, OPTIONS, steps);
  return tables;
}

function addBackend(tables: Tables, freeCores: number): void {
  const claimed = tables.backends.claimRow();
  if (claimed === null) throw new Error("the table is full");
  tables.backends.writeReport(claimed.row, {
    reportedAtMs: NOW_MS,
    freeCores,
    memoryAvailBytes: 0,
    diskAvailBytes: 0,
    gpuVramFreeBytes: [],
    baseScores: [10],
    gpuMasks: [0],
  });
  tables.backends.setEnabled(claimed.row, true);
}

function sums(tables: Tables): unknown {
  const rows = CORES.map((_, row) => row);
  return {
    inFlight: rows.map((row) => tables.backends.inFlight(row)),
    cores: rows.map((row) => tables.backends.leasedCores(row)),
    leases: rows.map((row) => tables.backends.leaseCount(row)),
    used: tables.leases.used,
  };
}

const NOTHING_HELD = { inFlight: [0, 0, 0], cores: [0, 0, 0], leases: [0, 0, 0], used: 0 };

test("500 simultaneous picks on room for 21 admit 21, each with a lease of its own", async () => {
  const tables = start([
    { kind: "fill", count: 125 },
    { kind: "settle", count: 0 },
  ]);
  const answers = (await hammer?.step()) ?? [];
  expect(answers.flatMap(({ rows }) => rows)).toHaveLength(ROOM);
  expect(new Set(answers.flatMap(({ leases }) => leases)).size).toBe(ROOM);
  expect(sums(tables)).toEqual({ inFlight: CORES, cores: CORES, leases: CORES, used: ROOM });
  await hammer?.step();
  expect(sums(tables)).toEqual(NOTHING_HELD);
  expect(new Picker(tables, OPTIONS).leases(NOW_MS)).toEqual([]);
});

test("picks and settlements of four threads never overbook and leave nothing", async () => {
  const tables = start([{ kind: "churn", count: 20_000 }]);
  const answers = (await hammer?.step()) ?? [];
  // Twelve picks at most are held at any time and there is room for 21: none is ever refused.
  expect(answers.map(({ rows }) => rows.length)).toEqual(Array.from({ length: THREADS }, () => 20_000));
  expect(answers.map(({ faults }) => faults)).toEqual([0, 0, 0, 0]);
  expect(sums(tables)).toEqual(NOTHING_HELD);
});

test("simultaneous first requests of a session share one backend and one lease", async () => {
  const tables = start([
    { kind: "sessions", count: ROOM },
    { kind: "settle", count: 0 },
  ]);
  const answers = (await hammer?.step()) ?? [];
  const [first] = answers;
  for (const answer of answers) {
    expect(answer.rows).toEqual(first?.rows ?? []);
    expect(answer.leases).toEqual(first?.leases ?? []);
  }
  // With a lease per request instead of one per session, 84 would not fit.
  expect(sums(tables)).toEqual({
    inFlight: CORES.map((cores) => cores * THREADS),
    cores: CORES,
    leases: CORES,
    used: ROOM,
  });
  await hammer?.step();
  expect(sums(tables)).toEqual(NOTHING_HELD);
});

test("the lock keeps the others out", async () => {
  start([{ kind: "lock", count: 20_000 }]);
  await hammer?.step();
  expect(hammer?.cell[0]).toBe(THREADS * 20_000);
});

test("rows are released and claimed anew while four threads pick and settle", async () => {
  const tables = start([{ kind: "churn", count: 20_000 }]);
  const done = hammer?.step();
  const progress = { isDone: false };
  const finished = done?.then(() => {
    progress.isDone = true;
  });
  for (let round = 0; round < 1000 && !progress.isDone; round++) {
    const row = round % CORES.length;
    tables.backends.releaseRow(row);
    addBackend(tables, CORES[row] ?? 1);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  await finished;
  const answers = (await done) ?? [];
  expect(answers.map(({ faults }) => faults)).toEqual([0, 0, 0, 0]);
  expect(sums(tables)).toEqual(NOTHING_HELD);
  // The tables still work.
  const pick = new Pick();
  expect(new Picker(tables, OPTIONS).pick({ ...newPickQuery(), nowMs: NOW_MS }, pick)).toBe("picked");
});
