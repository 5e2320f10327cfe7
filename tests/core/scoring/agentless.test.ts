import { expect, test } from "bun:test";
import { agentlessFigures } from "../../../core/scoring/agentless.ts";
import { tierOf } from "../../sim/fixtures.ts";

const WEIGHTS = { distance: 1, cpu: 2, memory: 1, gpu: 1.5, latency: 1 };
const input = { tiers: [tierOf("a", 1)], weights: WEIGHTS, latencyMs: 4 };

test("a backend without an agent is half busy, and as large as it is said to be", () => {
  const told = agentlessFigures({ ...input, resources: { vcpu: 4 } });
  expect(told).toMatchObject({ freeCores: 4, coreCost: 25, baseScores: [2 * 50 + 50 + 4] });
  const untold = agentlessFigures({ ...input, resources: {} });
  expect(untold.freeCores).toBeGreaterThan(1e6);
  expect(untold.coreCost).toBeUndefined();
  expect(agentlessFigures({ ...input, resources: { vcpu: 0 } }).coreCost).toBeUndefined();
});
