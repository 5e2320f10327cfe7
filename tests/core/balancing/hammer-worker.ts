/** A thread of the tests over shared tables: does one step after another, each when the test says so. */
import { parentPort, workerData } from "node:worker_threads";
import { newPickQuery, Pick } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import { lock, lockOwner, unlock } from "../../../core/table/spin-lock.ts";
import { openTables, type Tables } from "../../../core/table/tables.ts";
import { NOW_MS } from "../../sim/fixtures.ts";
import type { HammerAnswer, HammerStep, HammerTask } from "./hammer.ts";

const task = taskOf(workerData);
const tables: Tables = openTables(task.shared, task.worker);
const picker = new Picker(tables, task.options);
const query = newPickQuery();
query.nowMs = NOW_MS;
let held: Pick[] = [];

const STEPS: Readonly<Record<HammerStep["kind"], (count: number) => HammerAnswer>> = {
  fill,
  settle,
  churn,
  sessions,
  lock: incrementUnderLock,
};

for (const [index, step] of task.steps.entries()) {
  waitForTurn(index);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port to the parent thread has no origin
  parentPort?.postMessage(STEPS[step.kind](step.count));
}

/** workerData has no type of its own; the test that starts this thread passes a HammerTask. */
function taskOf(data: unknown): HammerTask {
  if (!isTask(data)) throw new TypeError("the thread was started without a task");
  return data;
}

function isTask(data: unknown): data is HammerTask {
  return typeof data === "object" && data !== null && "steps" in data && "shared" in data;
}

function waitForTurn(index: number): void {
  for (let turn = Atomics.load(task.turn, 0); turn <= index; turn = Atomics.load(task.turn, 0)) {
    Atomics.wait(task.turn, 0, turn);
  }
}

function settle(): HammerAnswer {
  for (const pick of held) picker.settle(pick, NOW_MS);
  held = [];
  return { rows: [], leases: [], faults: 0 };
}

/** Picks until `count` picks were made, and keeps what was admitted. */
function fill(count: number): HammerAnswer {
  for (let i = 0; i < count; i++) {
    const pick = new Pick();
    if (picker.pick(query, pick) === "picked") held.push(pick);
  }
  return { rows: held.map((pick) => pick.row), leases: held.map((pick) => picker.leaseId(pick)), faults: 0 };
}

/** Picks and settles, a few at a time; a fault is a row that gives away more than it has. */
function churn(count: number): HammerAnswer {
  const picks = [new Pick(), new Pick(), new Pick()];
  const { columns, owner } = tables.backends;
  let faults = 0;
  const rows: number[] = [];
  for (let i = 0; i < count; i++) {
    const pick = picks[i % picks.length] ?? new Pick();
    picker.settle(pick, NOW_MS);
    if (picker.pick(query, pick) !== "picked") continue;
    rows.push(pick.row);
    lock(columns.lock, pick.row, owner);
    if (tables.backends.leasedCores(pick.row) > tables.backends.freeCores(pick.row)) faults++;
    unlock(columns.lock, pick.row);
  }
  for (const pick of picks) picker.settle(pick, NOW_MS);
  return { rows, leases: [], faults };
}

/** Picks once for each of `count` sessions, which every thread picks for. */
function sessions(count: number): HammerAnswer {
  query.sticky = true;
  for (let id = 0; id < count; id++) {
    query.stickyHi = id;
    query.stickyLo = id;
    const pick = new Pick();
    if (picker.pick(query, pick) !== "picked") throw new Error(`session ${id} was refused`);
    held.push(pick);
  }
  query.sticky = false;
  return { rows: held.map((pick) => pick.row), leases: held.map((pick) => picker.leaseId(pick)), faults: 0 };
}

/** Adds in two steps, which loses additions unless the lock keeps the others out. */
function incrementUnderLock(count: number): HammerAnswer {
  const { cell, lockWord } = task;
  for (let i = 0; i < count; i++) {
    lock(lockWord, 0, lockOwner(task.worker));
    const before = cell[0] ?? 0;
    for (let delay = 0; delay < 5; delay++) Atomics.pause();
    cell[0] = before + 1;
    unlock(lockWord, 0);
  }
  return { rows: [], leases: [], faults: 0 };
}
