/** The strategies by name, and the names that others give them. */

export const STRATEGY_NAMES = [
  "resource",
  "round_robin",
  "weighted_round_robin",
  "least_connections",
  "random",
  "ip_hash",
  "power_of_two",
  "least_time",
  "prequal",
] as const;

export type StrategyName = (typeof STRATEGY_NAMES)[number];

/** Other spellings, without hyphens and underscores. */
const OTHER_NAMES: Readonly<Record<string, StrategyName>> = {
  rr: "round_robin",
  weighted: "weighted_round_robin",
  wrr: "weighted_round_robin",
  weightedrr: "weighted_round_robin",
  leastconn: "least_connections",
  leastconns: "least_connections",
  leastrequest: "least_connections",
  leastrequests: "least_connections",
  rand: "random",
  hash: "ip_hash",
  p2c: "power_of_two",
  poweroftwochoices: "power_of_two",
  randomtwo: "power_of_two",
  leastlatency: "least_time",
  leastresponsetime: "least_time",
  peakewma: "least_time",
};

const PLAIN_NAMES: ReadonlyMap<string, StrategyName> = new Map([
  ...Object.entries(OTHER_NAMES),
  ...STRATEGY_NAMES.map((name) => [plain(name), name] as const),
]);

/** The strategy that a text names in any spelling, such as `leastconnections` or `Least-Conn`; null when there is none. */
export function strategyNamed(text: string): StrategyName | null {
  return PLAIN_NAMES.get(plain(text)) ?? null;
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[-_ ]/g, "");
}
