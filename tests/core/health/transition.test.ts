import { expect, test } from "bun:test";
import { array, assert, boolean, property } from "fast-check";
import { combineHealth, observeProbe, type ProbeState, UNPROBED } from "../../../core/health/transition.ts";

const THRESHOLDS = { healthy: 2, unhealthy: 3 };

function after(outcomes: readonly (number | "fail")[], from: ProbeState = UNPROBED): ProbeState {
  return outcomes.reduce<ProbeState>(
    (state, outcome) =>
      observeProbe(
        state,
        outcome === "fail" ? { ok: false, reason: "refused" } : { ok: true, latencyMs: outcome },
        THRESHOLDS,
      ),
    from,
  );
}

test("thresholds in a row change the status, and nothing between them does", () => {
  expect(after([1]).status).toBe("unknown");
  expect(after([1, 1]).status).toBe("healthy");
  expect(after([1, 1, "fail", "fail"]).status).toBe("healthy");
  expect(after([1, 1, "fail", "fail", 1, "fail", "fail"]).status).toBe("healthy");
  expect(after(["fail", "fail", "fail"]).status).toBe("unhealthy");
  expect(after(["fail", "fail", "fail", 1, "fail", 1]).status).toBe("unhealthy");
  expect(after(["fail", "fail", "fail", 1, 1]).status).toBe("healthy");
});

test("the latency is the average 0.3 / 0.7 of successes, and starts anew after an outage", () => {
  expect(after([10]).latencyMs).toBe(10);
  expect(after([10, 20]).latencyMs).toBeCloseTo(13, 10);
  expect(after([10, "fail", "fail", 20]).latencyMs).toBeCloseTo(13, 10);
  expect(after([0, 10]).latencyMs).toBeCloseTo(3, 10);
  expect(after([500, "fail", "fail", "fail", 2, 4]).latencyMs).toBeCloseTo(2.6, 10);
});

test("status follows the literal rule for any outcomes", () => {
  assert(
    property(array(boolean(), { maxLength: 60 }), (outcomes) => {
      let status: ProbeState["status"] = "unknown";
      for (let end = 1; end <= outcomes.length; end++) {
        const seen = outcomes.slice(0, end);
        if (seen.length >= 2 && seen.slice(-2).every(Boolean)) status = "healthy";
        if (seen.length >= 3 && seen.slice(-3).every((ok) => !ok)) status = "unhealthy";
      }
      expect(after(outcomes.map((ok) => (ok ? 5 : "fail"))).status).toBe(status);
    }),
  );
});

test("one origin that answers keeps a backend in", () => {
  const down = after(["fail", "fail", "fail"]);
  const up = after([1, 1]);
  expect(combineHealth([down, up])).toBe("healthy");
  expect(combineHealth([down, UNPROBED])).toBe("unknown");
  expect(combineHealth([down, down])).toBe("unhealthy");
  expect(combineHealth([])).toBe("unknown");
});
