import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { followClock, startSteadyClock } from "../../../core/host/steady-clock.ts";

test("a clock that follows another is off by no more than half the quickest answer took", async () => {
  const delays = fc.array(fc.record({ there: fc.nat(40), back: fc.nat(40) }), { minLength: 5, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(delays, fc.nat(1e9), fc.nat(1e9), async (answers, startedMs, laterMs) => {
      let realMs = 1_800_000_000_000;
      const lead = startSteadyClock(realMs, () => realMs - 7);
      realMs += startedMs;
      const bornMs = realMs;
      const pending = [...answers];
      const follow = await followClock(
        async () => {
          const { there, back } = pending.shift() ?? { there: 0, back: 0 };
          realMs += there;
          const told = lead();
          realMs += back;
          return told;
        },
        () => realMs - bornMs,
      );
      realMs += laterMs;
      const quickest = Math.min(...answers.map(({ there, back }) => there + back));
      expect(Math.abs(follow() - lead())).toBeLessThanOrEqual(quickest / 2 + 1);
      expect(lead()).toBe(realMs);
    }),
  );
});
