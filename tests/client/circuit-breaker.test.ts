import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { backoffMs, jittered } from "../../client/backoff.ts";
import { admit, type Circuit, CLOSED, circuitRule, settle } from "../../client/circuit-breaker.ts";

const RULE = { failureLimit: 5, openMs: 30_000 };

function failTimes(count: number, nowMs: number): Circuit {
  let circuit: Circuit = CLOSED;
  for (let i = 0; i < count; i++) circuit = settle(circuit, false, nowMs, RULE);
  return circuit;
}

describe("circuit breaker", () => {
  test("opens at the fifth failure in a row and not before", () => {
    expect(failTimes(4, 0)).toEqual({ state: "closed", failures: 4 });
    expect(failTimes(5, 7)).toEqual({ state: "open", untilMs: 30_007 });
  });

  test("a success forgets the failures before it", () => {
    expect(settle(failTimes(4, 0), true, 0, RULE)).toEqual(CLOSED);
  });

  test("refuses while open, then admits exactly one", () => {
    const open = failTimes(5, 0);
    expect(admit(open, 29_999)).toEqual({ admitted: false, circuit: open });
    const trial = admit(open, 30_000);
    expect(trial).toEqual({ admitted: true, circuit: { state: "half-open" } });
    expect(admit(trial.circuit, 30_000).admitted).toBe(false);
    expect(admit(trial.circuit, 90_000).admitted).toBe(false);
  });

  test("the trial closes it or opens it again", () => {
    expect(settle({ state: "half-open" }, true, 5, RULE)).toEqual(CLOSED);
    expect(settle({ state: "half-open" }, false, 5, RULE)).toEqual({ state: "open", untilMs: 30_005 });
  });

  test("stays open for 30 seconds or two intervals, whichever is longer", () => {
    expect(circuitRule(1000).openMs).toBe(30_000);
    expect(circuitRule(60_000).openMs).toBe(120_000);
  });
});

describe("backoff", () => {
  test("doubles from 1 s to 30 s, of which chance takes up to half", () => {
    const steps = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backoffMs(failures, 1));
    expect(steps).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    fc.assert(
      fc.property(fc.nat(1000), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        const full = backoffMs(failures, 1);
        const actual = backoffMs(failures, random);
        expect(actual).toBeGreaterThanOrEqual(full / 2);
        expect(actual).toBeLessThanOrEqual(full);
      }),
    );
  });

  test("the interval moves by 5 % at most, evenly", () => {
    expect(jittered(60_000, 0)).toBeCloseTo(57_000);
    expect(jittered(60_000, 0.5)).toBeCloseTo(60_000);
    expect(jittered(60_000, 1)).toBeCloseTo(63_000);
  });
});
