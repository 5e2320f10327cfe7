import type { Chance } from "../chance.ts";
import type { BalancingOptions } from "../options.ts";
import { Candidates } from "./candidates.ts";
import { IpHashStrategy } from "./ip-hash.ts";
import { LeastConnectionsStrategy } from "./least-connections.ts";
import { LeastTimeStrategy } from "./least-time.ts";
import type { StrategyName } from "./names.ts";
import { PowerOfTwoStrategy } from "./power-of-two.ts";
import { PrequalStrategy } from "./prequal.ts";
import { RandomStrategy } from "./random.ts";
import { ResourceStrategy } from "./resource.ts";
import { RoundRobinStrategy } from "./round-robin.ts";
import type { Strategy } from "./strategy.ts";
import { WeightedRoundRobinStrategy } from "./weighted-round-robin.ts";

export type Strategies = Readonly<Record<StrategyName, Strategy>> & { readonly resource: ResourceStrategy };

/** Makes every strategy for one thread. What they remember is in the shared tables: making them anew forgets nothing. */
export function makeStrategies(options: BalancingOptions, chance: Chance): Strategies {
  const byWeight = new Candidates(false);
  const byShare = new Candidates(options.weightByCapacity);
  const { latencyDecayMs: decayMs, hotQuantile: quantile } = options;
  return {
    resource: new ResourceStrategy(options.distanceWeight, options.inFlightWeight),
    round_robin: new RoundRobinStrategy(),
    weighted_round_robin: new WeightedRoundRobinStrategy(byShare),
    least_connections: new LeastConnectionsStrategy(byWeight),
    random: new RandomStrategy(byShare, chance),
    ip_hash: new IpHashStrategy(byWeight, options.hashBalanceFactor),
    power_of_two: new PowerOfTwoStrategy(byWeight, chance),
    least_time: new LeastTimeStrategy(byWeight, decayMs),
    prequal: new PrequalStrategy(byWeight, chance, { quantile, decayMs }),
  };
}
