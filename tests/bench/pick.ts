/**
 * What a decision costs: filter, score, lease and settlement in one thread, over fleets of the original's benchmark
 * (8 cores, places spread along a coast). Prints the median of several rounds, which a busy machine disturbs least;
 * first of the default strategy by size of fleet, then of every strategy.
 */
import { newPickQuery, Pick } from "../../core/balancing/pick.ts";
import { Picker } from "../../core/balancing/picker.ts";
import { STRATEGY_NAMES, type StrategyName } from "../../core/balancing/strategies/names.ts";
import { figuresOf, unitVector } from "../../core/scoring/index.ts";
import { openTables, type Tables } from "../../core/table/tables.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "../sim/fixtures.ts";

const FLEETS = [1, 10, 100, 1000, 10_000];
const STRATEGY_FLEETS = [10, 100, 1000];
const ROUNDS = 15;
/** About 25 ms a round: all fleets and strategies, with 15 rounds and the warm-up each, stay within 20 seconds. */
const ROUND_NS = 25e6;
const TIERS = [tierOf("lite", 1, { memoryGb: 1, storageGb: 5 })];
const WEIGHTS = { distance: 1, cpu: 1, memory: 1, gpu: 1.5, latency: 1 };

function fleetOf(size: number): Tables {
  const tables = openTables(newTables({ maxBackends: size, tiers: 1 }));
  for (let i = 0; i < size; i++) {
    const row = tables.backends.claimRow()?.row ?? 0;
    const busy = i % 50;
    const figures = figuresOf({
      report: {
        client_id: `backend-${i}`,
        cpu_usage_avg: [10 + busy, 15 + busy, 10, 10, 10, 10, 10, 10],
        memory_total_gb: 64,
        memory_used_gb: i % 30,
        memory_avail_gb: 50 - (i % 30),
        disk_total_gb: 500,
        disk_used_gb: 100,
        disk_avail_gb: 400,
      },
      reportedAtMs: NOW_MS,
      tiers: TIERS,
      weights: WEIGHTS,
      thresholds: { cpuPct: 80, gpuPct: 80 },
      latencyMs: (i % 7) + 0.5,
    });
    tables.backends.writeReport(row, figures);
    tables.backends.setLocation(row, 40 + 0.5 * (i % 20) + i * 1e-4, -74 + 0.3 * (i % 20));
    tables.backends.setEnabled(row, true);
  }
  return tables;
}

/** Nanoseconds per decision, the median of the rounds. Every decision is of another client, as `ip_hash` sees them. */
function measure(size: number, strategy: StrategyName): number {
  const picker = new Picker(fleetOf(size), newOptions(TIERS, { strategy }));
  const query = { ...newPickQuery(0), nowMs: NOW_MS, located: true, ...unitVector(40.7128, -74.006) };
  const pick = new Pick();
  let decisions = 16;
  const round = (): number => {
    const start = Bun.nanoseconds();
    for (let i = 0; i < decisions; i++) {
      query.hashHi = Math.imul(i, 0x9e3779b1);
      query.hashLo = i;
      if (picker.pick(query, pick) !== "picked") throw new Error("a pick was refused");
      picker.settle(pick, NOW_MS);
    }
    return Bun.nanoseconds() - start;
  };
  for (let took = round(); took < ROUND_NS; took = round()) decisions *= 2;
  const times = Array.from({ length: ROUNDS }, round).toSorted((a, b) => a - b);
  return (times[ROUNDS >> 1] ?? NaN) / decisions;
}

for (const size of FLEETS) {
  console.log(
    `${String(size).padStart(6)} backends  ${measure(size, "resource").toFixed(0).padStart(7)} ns per decision`,
  );
}

const columns = STRATEGY_FLEETS.map((size) => String(size).padStart(8)).join("");
console.log(`\n${"strategy, backends".padEnd(22)}${columns}  (ns per decision)`);
for (const strategy of STRATEGY_NAMES) {
  const cells = STRATEGY_FLEETS.map((size) => measure(size, strategy).toFixed(0).padStart(8));
  console.log(strategy.padEnd(22) + cells.join(""));
}
