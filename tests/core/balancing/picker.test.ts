import { describe, expect, test } from "bun:test";
import type { PickerOptions } from "../../../core/balancing/options.ts";
import { newPickQuery, Pick, type PickQuery } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import { unitVector } from "../../../core/scoring/index.ts";
import type { RowFigures } from "../../../core/table/backend/row-figures.ts";
import { openTables, type TableSizes, type Tables } from "../../../core/table/tables.ts";
import { GB, NOW_MS, newOptions, newTables, tierOf } from "../../sim/fixtures.ts";

class World {
  readonly tables: Tables;
  readonly picker: Picker;
  readonly #tiers: number;

  constructor(tiers: readonly Tier[], options: Partial<PickerOptions> = {}, sizes: Partial<TableSizes> = {}) {
    this.#tiers = tiers.length;
    this.tables = openTables(newTables({ tiers: tiers.length, ...sizes }));
    this.picker = new Picker(this.tables, newOptions(tiers, options));
  }

  add(score: number, figures: Partial<RowFigures> = {}): number {
    const row = this.tables.backends.claimRow()?.row ?? -1;
    this.report(row, score, figures);
    this.tables.backends.setEnabled(row, true);
    return row;
  }

  report(row: number, score: number, figures: Partial<RowFigures> = {}): void {
    this.tables.backends.writeReport(row, {
      reportedAtMs: NOW_MS,
      freeCores: 4,
      coreCost: 0,
      memoryAvailBytes: 100 * GB,
      diskAvailBytes: 100 * GB,
      gpuVramFreeBytes: [],
      baseScores: Array.from({ length: this.#tiers }, () => score),
      gpuMasks: Array.from({ length: this.#tiers }, () => 0),
      ...figures,
    });
  }

  pick(query: Partial<PickQuery> = {}): Pick {
    const pick = new Pick();
    expect(this.picker.pick(ask(query), pick)).toBe("picked");
    return pick;
  }

  refuse(query: Partial<PickQuery> = {}): string {
    return this.picker.pick(ask(query), new Pick());
  }
}

function ask(query: Partial<PickQuery> = {}): PickQuery {
  return { ...newPickQuery(), nowMs: NOW_MS, ...query };
}

function session(id: number, query: Partial<PickQuery> = {}): Partial<PickQuery> {
  return { sticky: true, stickyHi: id, stickyLo: id, ...query };
}

const ONE = tierOf("one", 1);

describe("path groups", () => {
  test("a backend that does not serve the path is removed while another serves it", () => {
    const world = new World([ONE]);
    const web = world.add(1);
    const api = world.add(5);
    world.tables.backends.setPathGroup(web, 0);
    world.tables.backends.setPathGroup(api, 1);
    const pick = world.pick({ endpointOfGroup: Int32Array.of(-1, 2) });
    expect([pick.row, pick.endpoint]).toEqual([api, 2]);
    expect(world.picker.refusals(ask({ endpointOfGroup: Int32Array.of(-1, 2) })).path).toBe(1);
  });

  test("when none serves it, or only one out of service, every backend stays with its first endpoint", () => {
    const world = new World([ONE]);
    const web = world.add(1);
    const api = world.add(5);
    world.tables.backends.setPathGroup(api, 1);
    const none = world.pick({ endpointOfGroup: Int32Array.of(-1, -1) });
    expect([none.row, none.endpoint]).toEqual([web, 0]);
    world.tables.backends.setEnabled(api, false);
    const fallback = world.pick({ endpointOfGroup: Int32Array.of(-1, 2) });
    expect([fallback.row, fallback.endpoint]).toEqual([web, 0]);
  });

  test("one that serves the path but is full is not replaced by one that does not serve it", () => {
    const world = new World([ONE]);
    const api = world.add(5, { freeCores: 0 });
    world.add(1);
    world.tables.backends.setPathGroup(api, 1);
    expect(world.refuse({ endpointOfGroup: Int32Array.of(-1, 0) })).toBe("no_capacity");
  });

  test("a session goes elsewhere for a path that its backend does not serve, and stays where it is", () => {
    const world = new World([ONE]);
    const web = world.add(1);
    const api = world.add(5);
    world.tables.backends.setPathGroup(api, 1);
    const toWeb = Int32Array.of(0, -1);
    const toApi = Int32Array.of(-1, 0);
    expect(world.pick(session(1, { endpointOfGroup: toWeb })).row).toBe(web);
    const other = world.pick(session(1, { endpointOfGroup: toApi }));
    expect([other.row, other.stickyOutcome]).toEqual([api, "none"]);
    expect(world.pick(session(1, { endpointOfGroup: toWeb })).stickyOutcome).toBe("kept");
  });
});

describe("a row that the request brings along", () => {
  test("is kept without asking for room, also while it drains, and its capacity is taken", () => {
    const world = new World([ONE]);
    world.add(1);
    const own = world.add(5, { freeCores: 0 });
    const query = {
      preferredRow: own,
      preferredGeneration: world.tables.backends.generation(own),
    };
    world.tables.backends.setDraining(own, true);
    const pick = world.pick(query);
    expect([pick.row, pick.stickyOutcome]).toEqual([own, "kept"]);
    expect(world.tables.backends.columns.leasedCores[own]).toBe(1);
    world.picker.settle(pick, NOW_MS);
    expect(world.tables.backends.columns.leasedCores[own]).toBe(0);
  });

  test("is not kept for another owner of the row, nor disabled, tried before, or at its limit", () => {
    const world = new World([ONE]);
    const other = world.add(1);
    const own = world.add(5);
    const generation = world.tables.backends.generation(own);
    const query = { preferredRow: own, preferredGeneration: generation };
    expect(world.pick({ ...query, preferredGeneration: generation - 1 }).row).toBe(other);
    expect(world.pick({ ...query, excluded: [own] }).row).toBe(other);
    world.tables.backends.setLimits(own, 1, 0);
    expect([world.pick(query).row, world.pick(query).row]).toEqual([own, other]);
    world.tables.backends.setLimits(own, 0, 0);
    world.tables.backends.setEnabled(own, false);
    expect(world.pick(query).row).toBe(other);
  });

  test("comes before the session of the table, which takes over when it cannot be kept", () => {
    const world = new World([ONE]);
    const own = world.add(5);
    const cheap = world.add(1);
    expect(world.pick(session(1)).row).toBe(cheap);
    const generation = world.tables.backends.generation(own);
    const query = session(1, { preferredRow: own, preferredGeneration: generation });
    expect(world.pick(query).row).toBe(own);
    world.report(cheap, 9);
    world.tables.backends.setEnabled(own, false);
    expect(world.pick(query).row).toBe(cheap);
  });
});

describe("refusals and verdicts", () => {
  test("count each backend under the first filter that removes it, and say why with the figures", () => {
    const tier = tierOf("big", 2, { memoryGb: 4, storageGb: 20, gpus: 1, gpuMemoryGb: 16 });
    const world = new World([tier]);
    const { backends } = world.tables;
    const mask = { gpuMasks: [1], gpuVramFreeBytes: [20 * GB] };
    const rows = {
      disabled: world.add(1, mask),
      draining: world.add(1, mask),
      stale: world.add(1, { ...mask, reportedAtMs: NOW_MS - 300_001 }),
      unhealthy: world.add(1, mask),
      excluded: world.add(1, mask),
      cpu: world.add(1, { ...mask, freeCores: 1 }),
      memory: world.add(1, { ...mask, memoryAvailBytes: 1.5 * GB }),
      disk: world.add(1, { ...mask, diskAvailBytes: 19.994 * GB }),
      gpu: world.add(1),
    };
    backends.setEnabled(rows.disabled, false);
    backends.setDraining(rows.draining, true);
    backends.setHealthy(rows.unhealthy, false);
    const query = ask({ excluded: [rows.excluded] });
    expect(world.refuse(query)).toBe("no_capacity");
    const one = {
      disabled: 1,
      draining: 1,
      weight: 0,
      stale: 1,
      unhealthy: 1,
      path: 0,
      migration: 0,
      excluded: 1,
      ejected: 0,
      limit: 0,
      backup: 0,
    };
    expect(world.picker.refusals(query)).toEqual({
      ...one,
      cpu: 1,
      memory: 1,
      disk: 1,
      gpu: 1,
      total: 9,
      leaseTableFull: false,
    });
    const reasons = Object.values(rows).map((row) => world.picker.verdict(row, query).reason);
    expect(reasons).toEqual([
      "disabled: the backend is not in service",
      "draining: the backend takes no new sessions",
      "stale: the last report is 300 s old",
      "unhealthy: health checks fail",
      "excluded: tried already for this request",
      "cpu: 1 of 1 cores free after leases, tier needs 2",
      "memory: 1.5 GB free after leases, tier needs 4 GB",
      "disk: 19.99 GB free after leases, tier needs 20 GB",
      "gpu: 0 GPUs free after leases with 16 GB of VRAM, tier needs 1",
    ]);
  });

  test("leases show in the figures", () => {
    const world = new World([tierOf("two", 2)]);
    const row = world.add(1, { freeCores: 5 });
    world.pick();
    world.pick();
    const verdict = world.picker.verdict(row, ask());
    expect(verdict.reason).toBe("cpu: 1 of 5 cores free after leases, tier needs 2");
    expect(verdict.figures).toMatchObject({ freeCores: 1, reportedFreeCores: 5, inFlight: 2, leases: 2 });
  });

  test("without a backend that would do, room is not the question", () => {
    const world = new World([ONE]);
    expect(world.refuse()).toBe("no_backend");
    const row = world.add(1);
    expect(world.refuse({ excluded: [row] })).toBe("no_backend");
    world.report(row, 1, { freeCores: 0 });
    expect(world.refuse()).toBe("no_capacity");
  });

  test("a full lease table refuses, says so, and evicts nothing that lives", () => {
    const world = new World([tierOf("none", 0)], {}, { maxLeases: 3 });
    world.add(1);
    const route = world.pick({ kind: "route" });
    world.pick();
    world.pick();
    expect(world.refuse()).toBe("no_capacity");
    expect(world.picker.refusals(ask()).leaseTableFull).toBe(true);
    expect(world.picker.leases(NOW_MS)).toHaveLength(3);
    // The route's lease expires: there is room for one.
    expect(world.picker.lease(world.picker.leaseId(route), NOW_MS + 120_000)).toBeNull();
    world.pick({ nowMs: NOW_MS + 120_000 });
    expect(world.refuse({ nowMs: NOW_MS + 120_000 })).toBe("no_capacity");
  });
});

describe("explain", () => {
  test("chooses what a pick would, gives unknown places the median, and takes nothing", () => {
    const world = new World([ONE], { distanceWeight: 2 });
    const { backends } = world.tables;
    const near = world.add(50);
    const far = world.add(10);
    const nowhere = world.add(20);
    const full = world.add(0, { freeCores: 0 });
    backends.setLocation(near, 10, 10);
    backends.setLocation(far, 10, 11);
    backends.setLocation(full, 10, 50);
    const query = ask({ located: true, ...unitVector(10, 10) });
    const explained = world.picker.explain(query);
    const degreeKm = 6371 * 2 * Math.asin(Math.cos((10 * Math.PI) / 180) * Math.sin(Math.PI / 360));
    expect(explained.chosen).toBe(near);
    expect(explained.rows.map(({ row, filter }) => [row, filter])).toEqual([
      [near, null],
      [far, null],
      [nowhere, null],
      [full, "cpu"],
    ]);
    const [nearRow, farRow, nowhereRow, fullRow] = explained.rows;
    expect(nearRow).toMatchObject({ score: 50, scoredKm: 0, distanceKm: 0 });
    expect(farRow?.score).toBeCloseTo(10 + 2 * degreeKm, 8);
    expect(nowhereRow?.score).toBeCloseTo(20 + degreeKm, 8);
    expect(nowhereRow?.distanceKm).toBeNaN();
    expect(fullRow?.score).toBeNull();
    expect(world.picker.leases(NOW_MS)).toEqual([]);
    expect(world.pick(query).row).toBe(near);
  });

  test("says that a session keeps its backend", () => {
    const world = new World([ONE]);
    const first = world.add(1);
    world.pick(session(3));
    const better = world.add(0);
    expect(world.picker.explain(ask()).chosen).toBe(better);
    expect(world.picker.explain(ask(session(3))).chosen).toBe(first);
  });
});

describe("GPUs", () => {
  test("a lease names its GPUs, those with the least free VRAM first, until it ends", () => {
    const tier = tierOf("gpu", 0, { gpus: 1 });
    const world = new World([tier]);
    world.add(1, { gpuVramFreeBytes: [30, 10, 20, 5], gpuMasks: [0b0111] });
    const picks = [world.pick(), world.pick(), world.pick()];
    const named = picks.map((pick) => world.tables.leases.columns.gpus[pick.lease]);
    expect(named).toEqual([0b0010, 0b0100, 0b0001]);
    expect(world.refuse()).toBe("no_capacity");
    const [, second] = picks;
    if (second !== undefined) world.picker.settle(second, NOW_MS);
    expect(world.tables.leases.columns.gpus[world.pick().lease]).toBe(0b0100);
  });
});

describe("sessions", () => {
  test("in use are worth persisting now and then, not each time", () => {
    const world = new World([ONE], { stickyTtlMs: 24_000 });
    world.add(1);
    const startMs = Math.ceil(NOW_MS / 1000) * 1000;
    const due = [0, 1, 999, 1000, 1001, 3000].map((laterMs) => {
      const nowMs = startMs + laterMs;
      const pick = world.pick(session(9, { nowMs }));
      world.picker.settle(pick, nowMs);
      return pick.isStickyUseDue;
    });
    expect(due).toEqual([true, false, false, true, false, true]);
  });

  test("keep their backend when it is full or draining, but not when it is unhealthy, stale or tried already", () => {
    const world = new World([ONE]);
    const { backends } = world.tables;
    const first = world.add(1, { freeCores: 1 });
    const other = world.add(5);
    const begun = world.pick(session(9));
    expect([begun.row, begun.stickyOutcome]).toEqual([first, "assigned"]);
    world.picker.settle(begun, NOW_MS);
    const stranger = world.pick();
    expect(stranger.row).toBe(first);
    backends.setDraining(first, true);
    const kept = world.pick(session(9));
    expect([kept.row, kept.stickyOutcome]).toEqual([first, "kept"]);
    const retried = world.pick(session(9, { excluded: [first] }));
    expect([retried.row, retried.stickyOutcome]).toEqual([other, "assigned"]);
    expect(world.pick(session(9)).row).toBe(other);
    backends.setHealthy(other, false);
    backends.setHealthy(other, true);
    backends.setDraining(first, false);
    world.report(first, 1);
    expect(world.pick(session(9)).row).toBe(first);
    world.report(other, 1, { reportedAtMs: NOW_MS + 400_000 });
    expect(world.pick(session(9, { nowMs: NOW_MS + 400_000 })).row).toBe(other);
  });

  test("are forgotten when they were not used for longer than their time", () => {
    const world = new World([ONE], { stickyTtlMs: 1000, staleMs: 1e9 });
    const first = world.add(1);
    world.pick(session(1));
    const better = world.add(0);
    expect(world.pick(session(1, { nowMs: NOW_MS + 1000 })).row).toBe(first);
    expect(world.pick(session(1, { nowMs: NOW_MS + 2000 })).row).toBe(first);
    expect(world.pick(session(1, { nowMs: NOW_MS + 3001 })).row).toBe(better);
  });

  test("find room in a lease table that only expired leases fill, whichever way they come to their backend", () => {
    const laterMs = NOW_MS + 120_000;
    for (const [tier, outcome] of [
      [0, "kept"],
      [1, "assigned"],
    ] as const) {
      const world = new World([ONE, tierOf("two", 2)], {}, { maxLeases: 2 });
      const own = world.add(1);
      world.picker.settle(world.pick(session(1)), NOW_MS);
      const crowded = world.add(0);
      // Nobody has looked at the row with the expired leases since.
      expect(world.pick({ kind: "route" }).row).toBe(crowded);
      expect(world.pick({ kind: "route" }).row).toBe(crowded);
      const pick = world.pick(session(1, { tier, nowMs: laterMs }));
      expect([pick.row, pick.stickyOutcome]).toEqual([own, outcome]);
      expect(world.picker.leases(laterMs)).toHaveLength(1);
    }
  });

  test("prefer the backend that they have under another tier, if it has room and affinity is on", () => {
    const two = tierOf("two", 2);
    for (const affinity of [true, false]) {
      const world = new World([ONE, two], { affinity });
      const first = world.add(1, { freeCores: 3 });
      world.pick(session(1));
      const better = world.add(0);
      expect(world.pick(session(1, { tier: 1 })).row).toBe(affinity ? first : better);
    }
    const crowded = new World([ONE, two]);
    crowded.add(1, { freeCores: 2 });
    crowded.pick(session(1));
    const roomy = crowded.add(5);
    expect(crowded.pick(session(1, { tier: 1 })).row).toBe(roomy);
  });

  test("hold one lease however often they ask; the last settlement ends it", () => {
    const world = new World([ONE]);
    const row = world.add(1);
    const picks = [world.pick(session(1)), world.pick(session(1)), world.pick(session(1))];
    expect(new Set(picks.map((pick) => world.picker.leaseId(pick))).size).toBe(1);
    expect([world.tables.backends.leasedCores(row), world.tables.backends.inFlight(row)]).toEqual([1, 3]);
    for (const pick of picks.slice(1)) world.picker.settle(pick, NOW_MS);
    expect(world.picker.leases(NOW_MS)).toHaveLength(1);
    for (const pick of picks) world.picker.settle(pick, NOW_MS);
    expect(world.picker.leases(NOW_MS)).toEqual([]);
    expect(world.tables.backends.inFlight(row)).toBe(0);
  });

  test("renew the lease of a route by asking again, and get the same id", () => {
    const world = new World([ONE]);
    world.add(1);
    const route = session(1, { kind: "route" });
    const first = world.picker.leaseId(world.pick(route));
    const again = world.pick({ ...route, nowMs: NOW_MS + 100_000 });
    expect(world.picker.leaseId(again)).toBe(first);
    expect(world.picker.lease(first, NOW_MS + 200_000)?.expiresAtMs).toBe(NOW_MS + 220_000);
    expect(world.picker.lease(first, NOW_MS + 220_000)).toBeNull();
    expect(world.picker.leaseId(world.pick({ ...route, nowMs: NOW_MS + 220_000 }))).not.toBe(first);
  });
});

describe("leases", () => {
  test("are listed oldest first, renewed and released by id", () => {
    const world = new World([ONE]);
    const row = world.add(1);
    const early = world.picker.leaseId(world.pick({ kind: "route" }));
    const late = world.picker.leaseId(world.pick({ nowMs: NOW_MS + 5 }));
    const listed = world.picker.leases(NOW_MS + 10);
    expect(listed).toEqual([
      { leaseId: early, row, tier: 0, kind: "route", sinceMs: NOW_MS, expiresAtMs: NOW_MS + 120_000 },
      { leaseId: late, row, tier: 0, kind: "request", sinceMs: NOW_MS + 5, expiresAtMs: null },
    ]);
    expect(world.picker.renew(early, NOW_MS + 119_999)?.expiresAtMs).toBe(NOW_MS + 239_999);
    expect(world.picker.renew(late, NOW_MS + 10)?.expiresAtMs).toBeNull();
    expect(world.picker.release(early, NOW_MS + 239_998)).toBe(true);
    expect(world.picker.release(early, NOW_MS + 239_998)).toBe(false);
    expect(world.picker.renew(early, NOW_MS + 239_998)).toBeNull();
  });

  test("of a tier that is reserved by time outlive their request, and end on time", () => {
    const world = new World([tierOf("timed", 3, { reservation: "timeout" })]);
    world.add(1);
    const pick = world.pick();
    world.picker.settle(pick, NOW_MS + 10);
    expect(world.tables.backends.inFlight(pick.row)).toBe(0);
    expect(world.refuse({ nowMs: NOW_MS + 119_999 })).toBe("no_capacity");
    world.pick({ nowMs: NOW_MS + 120_000 });
  });

  test("10,000 short requests in a row on 4 cores: none is refused, nothing stays held", () => {
    const world = new World([ONE]);
    const row = world.add(1);
    for (let i = 0; i < 10_000; i++) world.picker.settle(world.pick(), NOW_MS);
    expect(world.tables.backends.leasedCores(row)).toBe(0);
    expect(world.picker.leases(NOW_MS)).toEqual([]);
  });
});
