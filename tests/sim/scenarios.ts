/** Fleets and days on which strategies differ. */
import type { Host, Scenario } from "./fleet-model.ts";

const CALM = { warmUpSeconds: 5, reportSeconds: 10, steadiness: 0.9, successMs: 1000, clients: 10_000 };

function hosts(count: number, host: Host): Host[] {
  return Array.from({ length: count }, () => host);
}

/** Ten answer in 10 ms; one needs two seconds for each answer, and no CPU for that. */
export const ONE_STUCK: Scenario = {
  ...CALM,
  name: "one of 11 answers after 2 s, the others after 10 ms; 500 requests/s",
  hosts: [...hosts(10, { cores: 8, serviceMs: 10 }), { cores: 8, serviceMs: 1, stuckMs: 2000 }],
  requestsPerSecond: 500,
  seconds: 65,
};

/** A generation of hosts that is slower by 16 times. */
export const TWO_SLOW: Scenario = {
  ...CALM,
  name: "14 need 10 ms, two need 160 ms; 800 requests/s, 4 cores each",
  hosts: [...hosts(14, { cores: 4, serviceMs: 10 }), ...hosts(2, { cores: 4, serviceMs: 160 })],
  requestsPerSecond: 800,
  seconds: 45,
};

/** Large hosts of which nobody knows more than reports of before the crowd came; they differ by what else they do. */
export const FLASH_CROWD: Scenario = {
  ...CALM,
  name: "3000 requests/s of 100 ms come within one report period; 14 hosts of 64 cores, 10 to 23 % busy",
  hosts: Array.from({ length: 14 }, (_, index) => ({
    cores: 64,
    serviceMs: 100,
    otherCpuPct: 10 + index,
    memoryPct: 40,
  })),
  requestsPerSecond: 3000,
  seconds: 10,
  warmUpSeconds: 0,
  reportSeconds: 1000,
};

/** Hosts of four sizes, none slow; all requests are alike. */
export const UNEQUAL: Scenario = {
  ...CALM,
  name: "three hosts each of 2, 4, 16 and 32 cores; 50 ms a request, 65 % of all cores busy",
  hosts: [2, 4, 16, 32].flatMap((cores) => hosts(3, { cores, serviceMs: 50 })),
  requestsPerSecond: (0.65 * 3 * (2 + 4 + 16 + 32) * 1000) / 50,
  seconds: 35,
  steadiness: 0.3,
};

/** Nothing to gain: all are alike, and chance is all that can go wrong. */
export const ALIKE: Scenario = {
  ...CALM,
  name: "16 hosts alike, 4 cores, 20 ms a request of any length, 80 % busy",
  hosts: hosts(16, { cores: 4, serviceMs: 20 }),
  requestsPerSecond: (0.8 * 16 * 4 * 1000) / 20,
  seconds: 25,
  steadiness: 0,
};

export const SCENARIOS = [ONE_STUCK, TWO_SLOW, FLASH_CROWD, UNEQUAL, ALIKE] as const;
