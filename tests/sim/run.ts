/** Prints what every strategy comes to in every simulated scenario; an argument names strategies, such as `prequal`. */
import type { PickerOptions } from "../../core/balancing/options.ts";
import { STRATEGY_NAMES } from "../../core/balancing/strategies/names.ts";
import { simulate } from "./fleet-model.ts";
import { SCENARIOS } from "./scenarios.ts";

interface Variant {
  readonly name: string;
  readonly options: Partial<PickerOptions>;
}

const VARIANTS: readonly Variant[] = [
  ...STRATEGY_NAMES.map((strategy) => ({ name: strategy, options: { strategy } })),
  { name: "resource, reports alone", options: { strategy: "resource", inFlightWeight: 0 } },
  {
    name: "weighted_round_robin by capacity",
    options: { strategy: "weighted_round_robin", weightByCapacity: true },
  },
  { name: "ip_hash, balance factor 1.25", options: { strategy: "ip_hash", hashBalanceFactor: 1.25 } },
];

const wanted = process.argv.slice(2);
const variants = VARIANTS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);

for (const scenario of SCENARIOS) {
  console.log(`\n### ${scenario.name}\n`);
  console.log("| strategy | within 1 s | mean ms | p50 ms | p99 ms | largest share / fair |");
  console.log("|---|---|---|---|---|---|");
  for (const { name, options } of variants) {
    const { success, meanMs, p50Ms, p99Ms, largestShare } = simulate(scenario, options);
    const cells = [
      `${(100 * success).toFixed(2)} %`,
      meanMs.toFixed(1),
      p50Ms.toFixed(1),
      p99Ms.toFixed(1),
      largestShare.toFixed(2),
    ];
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}
