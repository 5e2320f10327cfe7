/** What every strategy owes, asked of each: nothing here knows how one of them chooses. */
import { afterEach, describe, expect, test } from "bun:test";
import { Pick } from "../../../core/balancing/pick.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import { STRATEGY_NAMES, strategyNamed } from "../../../core/balancing/strategies/names.ts";
import { openTables } from "../../../core/table/tables.ts";
import { newOptions, newTables, tierOf } from "../../sim/fixtures.ts";
import { Hammer } from "./hammer.ts";
import { addMember, client, counts, FleetUnderTest, TIERS } from "./strategies/fleet.ts";

const THREADS = 4;
let hammer: Hammer | null = null;

afterEach(async () => {
  await hammer?.stop();
  hammer = null;
});

describe.each(STRATEGY_NAMES)("%s", (strategy) => {
  test("picks nothing where there is nothing, and nothing that a filter removes", () => {
    const fleet = new FleetUnderTest({ strategy });
    expect(fleet.picker.pick(fleet.query(), new Pick())).toBe("no_backend");
    const { backends } = fleet.tables;
    const rows = Array.from({ length: 8 }, () => addMember(fleet.tables));
    const good = rows[5] ?? -1;
    backends.setEnabled(0, false);
    backends.setDraining(1, true);
    backends.setHealthy(2, false);
    backends.setPreference(3, { weight: 0, backupOf: -1 });
    backends.setPreference(4, { weight: 1, backupOf: good });
    backends.releaseRow(6);
    const excluded = [7];
    for (let index = 0; index < 200; index++) {
      expect(fleet.rows(1, () => ({ ...client(index), excluded }))).toEqual([good]);
    }
    expect(fleet.picker.pick(fleet.query({ excluded: [7, good] }), new Pick())).toBe("picked");
    for (const row of rows) backends.setEnabled(row, false);
    expect(fleet.picker.pick(fleet.query(), new Pick())).toBe("no_backend");
  });

  test("fills a fleet to its last core and then has no capacity", () => {
    const fleet = new FleetUnderTest({ strategy, tiers: [tierOf("one", 1)] });
    for (const freeCores of [3, 0, 2]) addMember(fleet.tables, { freeCores });
    const taken = Array.from({ length: 5 }, (_, index) => fleet.take(client(index)).row);
    expect(counts(taken, 3)).toEqual([3, 0, 2]);
    expect(fleet.picker.pick(fleet.query(), new Pick())).toBe("no_capacity");
  });

  test("starves none of several equals under load", () => {
    const fleet = new FleetUnderTest({ strategy }, [1, 1, 1, 1, 1]);
    const rows = fleet.rowsWith(10, 1000, client);
    for (const row of rows) {
      const pick = Object.assign(new Pick(), { row, generation: fleet.tables.backends.generation(row) });
      fleet.picker.latency(pick, 10, fleet.nowMs);
    }
    const after = counts(fleet.rowsWith(10, 1000, client), 5);
    for (const count of after) expect(count).toBeGreaterThan(100);
    expect(Math.max(...after)).toBeLessThan(300);
  });

  test("works without reports, and with weights of any size", () => {
    const fleet = new FleetUnderTest({ strategy, weightByCapacity: true });
    for (const [index, weight] of [1e-3, 1e6, 0.5].entries()) {
      addMember(fleet.tables, { weight, freeCores: index === 1 ? 4 : 2 ** 31 - 1 });
    }
    expect(fleet.rowsWith(5, 500, client)).toHaveLength(500);
  });

  test("is the same again with the same seed", () => {
    const [first, second] = [1, 2].map(() =>
      new FleetUnderTest({ strategy }, [1, 2, 3, 4], 7).rowsWith(6, 300, client),
    );
    expect(second).toEqual(first ?? []);
  });

  test("foresees what it picks, and takes nothing by that", () => {
    const fleet = new FleetUnderTest({ strategy }, [2, 1, 3, 1]);
    const held: Pick[] = [];
    for (let index = 0; index < 300; index++) {
      const query = fleet.query(client(index));
      const explained = fleet.picker.explain(query);
      expect(explained.strategy).toBe(strategy);
      expect(fleet.picker.explain(query).chosen).toBe(explained.chosen);
      const pick = fleet.take(client(index));
      expect(pick.row).toBe(explained.chosen);
      fleet.picker.latency(pick, 5 + (index % 7), fleet.nowMs);
      held.push(pick);
      if (held.length > 5) fleet.picker.settle(held.shift() ?? new Pick(), fleet.nowMs);
    }
  });

  test("knows nothing of a row's last owner", () => {
    const fleet = new FleetUnderTest({ strategy }, [1, 1, 1]);
    for (let index = 0; index < 100; index++) {
      const pick = fleet.take(client(index));
      fleet.picker.latency(pick, pick.row === 1 ? 30_000 : 10, fleet.nowMs);
      fleet.picker.settle(pick, fleet.nowMs);
    }
    const late = fleet.take({ excluded: [0, 2] });
    fleet.tables.backends.releaseRow(1);
    expect(addMember(fleet.tables)).toBe(1);
    fleet.picker.latency(late, 30_000, fleet.nowMs);
    fleet.picker.settle(late, fleet.nowMs);
    const { balance } = fleet.tables.backends.columns;
    expect([balance.latencyMs[1], balance.smooth[0]?.[1], balance.seenLoad[1]]).toEqual([0, 0, 0]);
    expect(counts(fleet.rowsWith(9, 300, client), 3)[1]).toBeGreaterThan(50);
  });

  test("remembers across a change of options and of strategy", () => {
    const straight = new FleetUnderTest({ strategy }, [3, 1, 2]);
    const changed = new FleetUnderTest({ strategy }, [3, 1, 2]);
    const expected = straight.rows(20, client);
    const first = changed.rows(10, client);
    const held = changed.take({ strategy: "ip_hash" });
    changed.picker.setOptions(newOptions(TIERS, { strategy: "ip_hash", leaseTtlMs: 5 }));
    changed.rows(3, client);
    expect(changed.picker.leases(changed.nowMs)).toHaveLength(1);
    changed.picker.settle(held, changed.nowMs);
    changed.picker.setOptions(newOptions(TIERS, { strategy }));
    const rest = changed.rows(10, (index) => client(index + 10));
    expect([...first, ...rest]).toEqual(expected);
    expect(() => changed.picker.setOptions(newOptions([...TIERS, ...TIERS]))).toThrow(RangeError);
  });

  test("four threads never overbook and leave nothing", async () => {
    const shared = newTables({ workers: THREADS, maxBackends: 8 });
    const tables = openTables(shared);
    for (const freeCores of [5, 7, 9]) addMember(tables, { freeCores });
    const options = newOptions([tierOf("one", 1)], { strategy });
    hammer = new Hammer(THREADS, shared, options, [{ kind: "churn", count: 5000 }]);
    const answers = await hammer.step();
    expect(answers.map(({ rows }) => rows.length)).toEqual([5000, 5000, 5000, 5000]);
    expect(answers.map(({ faults }) => faults)).toEqual([0, 0, 0, 0]);
    for (const row of [0, 1, 2]) {
      expect([tables.backends.inFlight(row), tables.backends.leasedCores(row)]).toEqual([0, 0]);
    }
  });
});

describe("the strategy of a request", () => {
  test("is that of its path, else of its tier, else the global one", () => {
    const tiers = [tierOf("global", 0), { ...tierOf("own", 0), strategy: "round_robin" as const }];
    const tables = openTables(newTables({ tiers: 2 }));
    const picker = new Picker(tables, newOptions(tiers, { strategy: "random" }));
    const fleet = new FleetUnderTest({});
    const nameFor = (tier: number, strategy: "prequal" | null): string =>
      picker.explain(fleet.query({ tier, strategy })).strategy;
    expect([nameFor(0, null), nameFor(1, null), nameFor(0, "prequal"), nameFor(1, "prequal")]).toEqual([
      "random",
      "round_robin",
      "prequal",
      "prequal",
    ]);
  });

  test("is known under the names that others give it", () => {
    const spellings = {
      round_robin: ["round_robin", "roundrobin", "Round-Robin", "RR"],
      random: ["random"],
      weighted_round_robin: ["weighted", "weightedroundrobin", "weighted_round_robin"],
      least_connections: ["least_conn", "leastconnections", "least_connections", "leastconn"],
      ip_hash: ["ip_hash", "iphash"],
    };
    for (const [name, texts] of Object.entries(spellings)) {
      expect(texts.map((text) => String(strategyNamed(text)))).toEqual(texts.map(() => name));
    }
    expect(["", "roundrobins", "__proto__", "constructor"].map(strategyNamed)).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});
