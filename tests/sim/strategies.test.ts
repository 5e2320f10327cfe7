/** What strategies are for: simulated fleets in which the right one makes the difference, and the wrong one shows it. */
import { describe, expect, test } from "bun:test";
import type { StrategyName } from "../../core/balancing/strategies/names.ts";
import { EventQueue } from "./event-queue.ts";
import { type Outcome, type Scenario, simulate } from "./fleet-model.ts";
import { ALIKE, FLASH_CROWD, ONE_STUCK, TWO_SLOW, UNEQUAL } from "./scenarios.ts";

const SEEDS = [1, 2, 3];

/** The worst of several runs, for the figure that counts. */
function worst(
  scenario: Scenario,
  strategy: StrategyName,
  figure: (outcome: Outcome) => number,
  options: { readonly inFlightWeight?: number } = {},
): number {
  const runs = SEEDS.map((seed) => simulate(scenario, { strategy, ...options }, seed));
  return Math.max(...runs.map(figure));
}

const failures = ({ success }: Outcome): number => 1 - success;
const p99 = ({ p99Ms }: Outcome): number => p99Ms;
const largest = ({ largestShare }: Outcome): number => largestShare;

describe("one of 11 backends is stuck", () => {
  test.each(["least_time", "prequal"] as const)("%s answers 99.9 % within a second", (strategy) => {
    expect(worst(ONE_STUCK, strategy, failures)).toBeLessThanOrEqual(0.001);
  });

  test("round_robin loses the eleventh part", () => {
    expect(Math.abs(simulate(ONE_STUCK, { strategy: "round_robin" }).success - 10 / 11)).toBeLessThan(0.01);
  });
});

describe("two of 16 backends are slower by 16 times", () => {
  test.each(["least_time", "prequal"] as const)("%s has an eighth of the p99 of others", (strategy) => {
    const own = worst(TWO_SLOW, strategy, p99);
    for (const other of ["round_robin", "least_connections"] as const) {
      const others = SEEDS.map((seed) => simulate(TWO_SLOW, { strategy: other }, seed).p99Ms);
      expect(Math.min(...others)).toBeGreaterThanOrEqual(8 * own);
    }
  });
});

describe("a flash crowd within one report period", () => {
  test("resource gives none more than twice its fair share, where reports alone send all to one", () => {
    expect(worst(FLASH_CROWD, "resource", largest)).toBeLessThanOrEqual(2);
    const alone = simulate(FLASH_CROWD, { strategy: "resource", inFlightWeight: 0 });
    expect(alone.largestShare).toBe(FLASH_CROWD.hosts.length);
  });

  test("also when all but one are half busy with other work, and in small hosts", () => {
    const hosts = FLASH_CROWD.hosts.map((host, index) => ({
      ...host,
      cores: 16,
      otherCpuPct: index === 0 ? 20 : 50,
    }));
    expect(
      worst({ ...FLASH_CROWD, hosts, requestsPerSecond: 1500 }, "resource", largest),
    ).toBeLessThanOrEqual(2);
  });
});

describe("hosts of four sizes", () => {
  test("resource fills them in their proportion, and needs no weights for it", () => {
    expect(worst(UNEQUAL, "resource", p99)).toBeLessThan(250);
    expect(simulate(UNEQUAL, { strategy: "round_robin" }).p99Ms).toBeGreaterThan(5000);
  });
});

describe("hosts alike", () => {
  test.each(["resource", "least_connections", "power_of_two", "least_time", "prequal"] as const)(
    "%s does better than turns, and than chance",
    (strategy) => {
      const own = worst(ALIKE, strategy, ({ meanMs }) => meanMs);
      expect(own).toBeLessThan(simulate(ALIKE, { strategy: "round_robin" }).meanMs);
      expect(own).toBeLessThan(simulate(ALIKE, { strategy: "random" }).meanMs);
    },
  );

  test("random waits as long as arithmetic says of a queue with 4 servers", () => {
    const { meanMs } = simulate({ ...ALIKE, seconds: 65 }, { strategy: "random" }, 9);
    // Chance splits a Poisson stream into Poisson streams: M/M/4 at 80 %, Erlang's C = 0.5964, wait C·s/(4·0.2).
    expect(Math.abs(meanMs - (20 + (0.5964 * 20) / (4 * 0.2)))).toBeLessThan(1.5);
  });
});

test("events happen in their order in time, and equals in the order of their adding", () => {
  const queue = new EventQueue();
  const seen: number[] = [];
  const times = [5, 1, 3, 1, 4, 1, 5, 9, 2, 6];
  for (const [index, atMs] of times.entries()) queue.add(atMs, () => seen.push(index));
  for (let next = queue.take(); next !== null; next = queue.take()) next.run();
  expect(seen).toEqual([1, 3, 5, 8, 2, 4, 0, 6, 9, 7]);
});
