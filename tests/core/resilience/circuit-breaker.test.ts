import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  type BreakerEvent,
  type BreakerRule,
  type BreakerState,
  CLOSED_BREAKER,
  halfOpen,
  observeOutcome,
} from "../../../core/resilience/circuit-breaker.ts";

const RULE: BreakerRule = {
  failures: 5,
  connectFailures: 1,
  failureRatio: 0.5,
  minRequests: 20,
  windowMs: 10_000,
  openMs: 30_000,
  maxOpenMs: 120_000,
  trialSuccesses: 1,
};
/** Only runs of failures count. */
const RUNS: BreakerRule = { ...RULE, connectFailures: 0, failureRatio: 0 };

type Step = readonly [event: BreakerEvent, atMs: number, isTrial?: boolean];

function run(
  steps: readonly Step[],
  rule: BreakerRule = RULE,
  from: BreakerState = CLOSED_BREAKER,
): BreakerState {
  return steps.reduce(
    (state, [event, nowMs, isTrial = false]) =>
      observeOutcome(state, { event, isTrial, nowMs }, rule, () => true).state,
    from,
  );
}

function failures(count: number, atMs: number): Step[] {
  return Array.from({ length: count }, () => ["failure", atMs] as const);
}

describe("opens", () => {
  test("after so many failures in a row, not one earlier", () => {
    expect(run(failures(4, 1), RUNS).openUntilMs).toBe(0);
    expect(run(failures(5, 1), RUNS).openUntilMs).toBe(30_001);
    expect(run([...failures(4, 1), ["success", 1], ...failures(4, 1)], RUNS).openUntilMs).toBe(0);
  });

  test("after one failure to connect", () => {
    expect(run([["connect_failure", 7]]).openUntilMs).toBe(30_007);
  });

  test("at a share of failures in a window that had enough requests", () => {
    const half = Array.from({ length: 20 }, (_, at): Step => [at % 2 === 0 ? "success" : "failure", 100]);
    expect(run(half.slice(0, 19)).openUntilMs).toBe(0);
    expect(run(half).openUntilMs).toBe(30_100);
    // The same outcomes in two windows are too few in each.
    const spread = half.map(([event], at): Step => [event, at < 10 ? 100 : 10_200]);
    expect(run(spread).openUntilMs).toBe(0);
  });

  test("only if it may", () => {
    const outcome = { event: "connect_failure", isTrial: false, nowMs: 1 } as const;
    const { state, change } = observeOutcome(CLOSED_BREAKER, outcome, RULE, () => false);
    expect({ openUntilMs: state.openUntilMs, change }).toEqual({ openUntilMs: 0, change: "none" });
  });
});

describe("once open", () => {
  const open = run(failures(5, 0), RUNS);

  test("what older requests met counts for nothing, before and after the time is over", () => {
    for (const nowMs of [10, 30_000, 50_000]) {
      expect(
        run(
          [
            ["success", nowMs],
            ["failure", nowMs],
          ],
          RUNS,
          open,
        ),
      ).toBe(open);
    }
  });

  test("one good trial closes it", () => {
    const { state, change } = observeOutcome(
      open,
      { event: "success", isTrial: true, nowMs: 30_000 },
      RUNS,
      () => true,
    );
    expect(change).toBe("closed");
    expect(state).toMatchObject({ openUntilMs: 0, failures: 0, closedAtMs: 30_000 });
  });

  test("as many good trials as are asked for close it, one bad one in between opens it again", () => {
    const rule = { ...RUNS, trialSuccesses: 2 };
    const once = run([["success", 30_000, true]], rule, open);
    expect(once.openUntilMs).toBe(30_000);
    expect(run([["success", 30_001, true]], rule, once).openUntilMs).toBe(0);
    const again = run([["failure", 30_001, true]], rule, once);
    expect(run([["success", again.openUntilMs, true]], rule, again).openUntilMs).not.toBe(0);
  });

  test("each bad trial keeps it open longer, up to the maximum", () => {
    let state = open;
    const lengths: number[] = [];
    for (let round = 0; round < 6; round++) {
      const nowMs = state.openUntilMs;
      state = run([["failure", nowMs, true]], RUNS, state);
      lengths.push(state.openUntilMs - nowMs);
    }
    expect(lengths).toEqual([60_000, 90_000, 120_000, 120_000, 120_000, 120_000]);
  });

  test("who fails again soon after it closed is a relapse, who stayed good for long is not", () => {
    const closed = run([["success", 30_000, true]], RUNS, open);
    expect(run(failures(5, 40_000), RUNS, closed).openUntilMs).toBe(100_000);
    expect(run(failures(5, 150_000), RUNS, closed).openUntilMs).toBe(180_000);
  });

  test("a hint from outside makes it half-open at once, and nothing else of a closed or half-open one", () => {
    expect(halfOpen(open, 500).openUntilMs).toBe(500);
    expect(halfOpen(open, 40_000)).toBe(open);
    expect(halfOpen(CLOSED_BREAKER, 500)).toBe(CLOSED_BREAKER);
  });
});

test("thresholds of 0 never open it", () => {
  const rule = { ...RULE, failures: 0, connectFailures: 0, failureRatio: 0 };
  const steps = fc.array(fc.constantFrom<BreakerEvent>("success", "failure", "connect_failure"));
  fc.assert(
    fc.property(steps, (events) => {
      expect(
        run(
          events.map((event, at) => [event, at]),
          rule,
        ).openUntilMs,
      ).toBe(0);
    }),
  );
});

test("whatever happens it is never open for longer than the maximum, and trials alone decide once it has been", () => {
  const step = fc.record({
    event: fc.constantFrom<BreakerEvent>("success", "failure", "connect_failure"),
    waitMs: fc.nat({ max: 60_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let state = CLOSED_BREAKER;
      let nowMs = 1;
      for (const { event, waitMs } of steps) {
        nowMs += waitMs;
        const isTrial = state.openUntilMs > 0 && state.openUntilMs <= nowMs;
        const { state: next, change } = observeOutcome(state, { event, isTrial, nowMs }, RULE, () => true);
        expect(next.openUntilMs - nowMs).toBeLessThanOrEqual(RULE.maxOpenMs);
        expect(change === "closed").toBe(isTrial && event === "success");
        if (state.openUntilMs > 0 && !isTrial) expect(next).toBe(state);
        state = next;
      }
    }),
  );
});
