import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { steadyClock } from "../../../core/host/steady-clock.ts";

test("threads that start at any time agree to a millisecond, whatever the wall clock does meanwhile", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e12 }),
      fc.array(fc.record({ afterMs: fc.double({ min: 0, max: 1e9, noNaN: true }), own: fc.integer() })),
      fc.double({ min: 0, max: 1e10, noNaN: true }),
      (wallMs, starts, laterMs) => {
        let sharedMs = 12_345.678;
        const origin = { wallMs, sharedMs };
        const clocks = starts.map(({ afterMs, own }) => {
          sharedMs += afterMs;
          const zeroMs = sharedMs - own;
          return steadyClock(origin, { ownMs: () => sharedMs - zeroMs, sharedMs: () => sharedMs });
        });
        sharedMs += laterMs;
        for (const now of clocks) {
          expect(Math.abs(now() - (wallMs + sharedMs - origin.sharedMs))).toBeLessThanOrEqual(1.01);
          expect(Number.isInteger(now())).toBe(true);
        }
      },
    ),
  );
});
