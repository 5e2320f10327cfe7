/** Random operations on the shared tables amount to what they amount to in a model of plain objects. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { newPickQuery, Pick } from "../../core/balancing/pick.ts";
import { Picker } from "../../core/balancing/picker.ts";
import { openTables, type Tables } from "../../core/table/tables.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "./fixtures.ts";
import {
  LEASE_TTL_MS,
  LeaseModel,
  type ModelLease,
  type ModelPick,
  type ModelTier,
  SESSION_TTL_MS,
} from "./lease-model.ts";

const ROWS = 3;
const TIERS: readonly ModelTier[] = [
  { cores: 1, reservation: "request" },
  { cores: 2, reservation: "request" },
  { cores: 1, reservation: "timeout" },
];

type Operation =
  | {
      readonly type: "pick";
      readonly tier: number;
      readonly kind: "route" | "request";
      readonly session: number;
    }
  | { readonly type: "settle" | "undo" | "settleAgain" | "renew" | "release"; readonly which: number }
  | { readonly type: "advance"; readonly ms: number }
  | { readonly type: "health" | "draining"; readonly row: number; readonly on: boolean }
  | {
      readonly type: "report" | "replace";
      readonly row: number;
      readonly cores: number;
      readonly score: number;
    };

const anyRow = fc.nat(ROWS - 1);
const anyIndex = fc.nat(1000);
const figures = { row: anyRow, cores: fc.nat(5), score: fc.nat(3) };
const pickOperation = fc.record({
  type: fc.constant("pick" as const),
  tier: fc.nat(TIERS.length - 1),
  kind: fc.constantFrom("route" as const, "request" as const),
  session: fc.nat(3),
});
const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: pickOperation },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom("settle" as const, "undo" as const), which: anyIndex }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("settleAgain" as const, "renew" as const, "release" as const),
      which: anyIndex,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("advance" as const),
      ms: fc.constantFrom(1, LEASE_TTL_MS / 2, LEASE_TTL_MS, SESSION_TTL_MS, SESSION_TTL_MS + 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom("health" as const, "draining" as const),
      row: anyRow,
      on: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom("report" as const, "replace" as const), ...figures }),
  },
);

/** The tables and the model side by side. */
class Pair {
  readonly #tables: Tables;
  readonly #picker: Picker;
  readonly #model = new LeaseModel(TIERS, NOW_MS);
  readonly #open: { pick: Pick; expected: ModelPick }[] = [];
  readonly #settled: Pick[] = [];
  readonly #leases: { id: string; lease: ModelLease }[] = [];

  constructor() {
    this.#tables = openTables(newTables({ maxBackends: ROWS, tiers: TIERS.length }));
    const tiers = TIERS.map((tier, index) => tierOf(`tier-${index}`, tier.cores, tier));
    const options = { leaseTtlMs: LEASE_TTL_MS, stickyTtlMs: SESSION_TTL_MS, staleMs: Infinity };
    this.#picker = new Picker(this.#tables, newOptions(tiers, options));
    for (let index = 0; index < ROWS; index++) this.#claim(index, 3, index);
  }

  do(operation: Operation): void {
    switch (operation.type) {
      case "pick":
        this.#pick(operation);
        break;
      case "settle":
      case "undo":
        this.#settle(operation.which, operation.type);
        break;
      case "settleAgain": {
        const done = this.#settled[operation.which % Math.max(1, this.#settled.length)];
        if (done !== undefined) this.#picker.settle(done, this.#model.now);
        break;
      }
      case "renew":
      case "release":
        this.#byId(operation.type, operation.which);
        break;
      case "advance":
        this.#model.now += operation.ms;
        break;
      case "health":
      case "draining":
      case "report":
      case "replace":
        this.#control(operation);
        break;
    }
    this.compare();
  }

  /** Ends everything: nothing may be left. */
  finish(): void {
    while (this.#open.length > 0) this.#settle(0);
    this.#model.now += LEASE_TTL_MS;
    for (let index = 0; index < ROWS; index++) {
      this.#control({ type: "health", row: index, on: true });
      this.#control({ type: "draining", row: index, on: false });
    }
    this.compare();
    expect(this.#picker.leases(this.#model.now)).toEqual([]);
    expect(this.#tables.leases.used).toBe(0);
    for (let index = 0; index < ROWS; index++) {
      expect(this.#tables.backends.inFlight(index)).toBe(0);
      expect(this.#tables.backends.leasedCores(index)).toBe(0);
    }
  }

  compare(): void {
    const { backends } = this.#tables;
    const model = this.#model;
    const toText = (
      lease: { row: number; tier: number; kind: string },
      since: number,
      expiry: number,
    ): string => [lease.row, lease.tier, lease.kind, since, expiry > model.now ? expiry : null].join(" ");
    const listed = this.#picker.leases(model.now);
    const actual = listed.map((view) => toText(view, view.sinceMs, view.expiresAtMs ?? 0));
    const expected = model.live().map((lease) => toText(lease, lease.since, lease.expiry));
    expect(actual.toSorted()).toEqual(expected.toSorted());
    // A look at every row ends what has expired on those that a pick would consider.
    this.#picker.refusals({ ...newPickQuery(), nowMs: model.now });
    for (const [index, modelRow] of model.rows.entries()) {
      expect(backends.inFlight(index)).toBe(modelRow.inFlight);
      if (!modelRow.healthy || modelRow.draining) continue;
      expect(backends.leasedCores(index)).toBe(model.leasedCores(index));
    }
  }

  #pick(operation: Operation & { type: "pick" }): void {
    const { tier, kind, session } = operation;
    const pick = new Pick();
    const sticky = session > 0;
    const query = {
      ...newPickQuery(tier),
      nowMs: this.#model.now,
      kind,
      sticky,
      stickyHi: session,
      stickyLo: 7,
    };
    const expected = this.#model.pick(operation);
    const { chosen } = this.#picker.explain(query);
    const status = this.#picker.pick(query, pick);
    expect(chosen).toBe(status === "picked" ? pick.row : -1);
    expect(status === "picked" ? pick.row : null).toBe(expected?.row ?? null);
    if (expected === null) return;
    expect(pick.stickyOutcome).toBe(expected.outcome);
    this.#open.push({ pick, expected });
    this.#leases.push({ id: this.#picker.leaseId(pick), lease: expected.lease });
  }

  #settle(which: number, type: "settle" | "undo" = "settle"): void {
    const [done] = this.#open.splice(which % Math.max(1, this.#open.length), 1);
    if (done === undefined) return;
    this.#picker.settle(done.pick, this.#model.now, type === "undo" ? "unused" : "used");
    this.#model[type](done.expected);
    this.#settled.push(done.pick);
  }

  #byId(type: "renew" | "release", which: number): void {
    const known = this.#leases[which % Math.max(1, this.#leases.length)];
    if (known === undefined) return;
    const { now } = this.#model;
    const isDone =
      type === "renew" ? this.#picker.renew(known.id, now) !== null : this.#picker.release(known.id, now);
    expect(isDone).toBe(this.#model[type](known.lease));
  }

  #control(operation: Exclude<Operation, { which: number } | { ms: number } | { tier: number }>): void {
    const { backends } = this.#tables;
    const modelRow = this.#model.row(operation.row);
    switch (operation.type) {
      case "health":
        if (modelRow.healthy && !operation.on) modelRow.epoch++;
        modelRow.healthy = operation.on;
        backends.setHealthy(operation.row, operation.on);
        break;
      case "draining":
        modelRow.draining = operation.on;
        backends.setDraining(operation.row, operation.on);
        break;
      case "report":
        modelRow.cores = operation.cores;
        modelRow.score = operation.score;
        this.#report(operation.row, operation.cores, operation.score);
        break;
      case "replace":
        backends.releaseRow(operation.row);
        this.#claim(operation.row, operation.cores, operation.score);
        break;
    }
  }

  #claim(index: number, cores: number, score: number): void {
    const { backends } = this.#tables;
    const claimed = backends.claimRow();
    expect(claimed?.row).toBe(index);
    const generation = claimed?.generation ?? 0;
    const epoch = backends.epoch(index);
    const fresh = { generation, epoch, cores, score, healthy: true, draining: false, inFlight: 0 };
    this.#model.replace(index, fresh);
    this.#report(index, cores, score);
    backends.setEnabled(index, true);
  }

  #report(index: number, freeCores: number, score: number): void {
    this.#tables.backends.writeReport(index, {
      reportedAtMs: NOW_MS,
      freeCores,
      coreCost: 0,
      memoryAvailBytes: 0,
      diskAvailBytes: 0,
      gpuVramFreeBytes: [],
      baseScores: TIERS.map(() => score),
      gpuMasks: TIERS.map(() => 0),
    });
  }
}

test("any sequence of picks, settlements, expiries, renewals, releases and row changes matches the model", () => {
  fc.assert(
    fc.property(fc.array(anyOperation, { minLength: 40, maxLength: 150 }), (operations) => {
      const pair = new Pair();
      for (const step of operations) pair.do(step);
      pair.finish();
    }),
    { numRuns: 1500, seed: 20_260_102 },
  );
}, 60_000);
