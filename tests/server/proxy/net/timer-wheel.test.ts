import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { TimerWheel, WheelTimer } from "../../../../server/proxy/net/timer-wheel.ts";

const TICK_MS = 100;
/** As late as a tick may be without counting as a freeze. */
const LATE_TICK_MS = 1000;

type Step =
  | { readonly do: "arm"; readonly timer: number; readonly ms: number }
  | { readonly do: "cancel"; readonly timer: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "freeze"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("arm" as const),
    timer: fc.nat(3),
    ms: fc.oneof(fc.nat(500), fc.nat(200_000)),
  }),
  fc.record({ do: fc.constant("cancel" as const), timer: fc.nat(3) }),
  fc.record({ do: fc.constant("freeze" as const), ms: fc.integer({ min: 1200, max: 100_000 }) }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.oneof(fc.nat(300), fc.nat(120_000)) }),
);

test("timers fire once, at their last deadline or at most one tick later, whatever happens in between", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let nowMs = 1_000_000;
      const wheel = new TimerWheel(() => nowMs);
      const deadlines: (number | null)[] = [null, null, null, null];
      const timers = deadlines.map((_, index) => new WheelTimer({ onTimer: () => fire(index) }));
      const fire = (index: number) => {
        const due = deadlines[index] ?? Number.POSITIVE_INFINITY;
        expect(nowMs).toBeGreaterThanOrEqual(due);
        deadlines[index] = null;
      };
      for (const each of steps) {
        if (each.do === "pass") {
          // As the interval does, perhaps late.
          for (let leftMs = each.ms; leftMs > 0; leftMs -= LATE_TICK_MS) {
            nowMs += Math.min(leftMs, LATE_TICK_MS);
            wheel.tick();
            for (const due of deadlines) if (due !== null) expect(due).toBeGreaterThan(nowMs - TICK_MS);
          }
          continue;
        }
        if (each.do === "freeze") {
          // What was due in the meantime is due as much later as the process did not run.
          for (const [index, due] of deadlines.entries())
            if (due !== null) deadlines[index] = due + each.ms - TICK_MS;
          nowMs += each.ms;
          wheel.tick();
          continue;
        }
        const timer = timers[each.timer];
        if (timer === undefined) continue;
        if (each.do === "arm") wheel.arm(timer, each.ms);
        else wheel.cancel(timer);
        deadlines[each.timer] = each.do === "arm" ? nowMs + each.ms : null;
      }
      for (const timer of timers) wheel.cancel(timer);
      wheel.tick();
    }),
  );
});

test("an owner that throws is asked once more, and hinders no other", () => {
  let nowMs = 1_000_000;
  const wheel = new TimerWheel(() => nowMs);
  const asked: string[] = [];
  const broken = new WheelTimer({
    onTimer: () => {
      asked.push("broken");
      throw new Error("broken");
    },
  });
  const sound = new WheelTimer({ onTimer: () => asked.push("sound") });
  for (let round = 0; round < 2; round++) {
    asked.length = 0;
    wheel.arm(broken, 100);
    wheel.arm(sound, 100);
    nowMs += 200;
    wheel.tick();
    expect(asked).toEqual(["broken", "sound"]);
    for (let ticks = 0; ticks < 2; ticks++) {
      nowMs += 550;
      wheel.tick();
    }
    expect(asked).toEqual(["broken", "sound", "broken"]);
    nowMs += 60_000;
    wheel.tick();
    expect(asked).toHaveLength(3);
  }
});

test("a freeze is told, and so is a tick that is late", () => {
  let nowMs = 5000;
  const stalls: number[] = [];
  const wheel = new TimerWheel(
    () => nowMs,
    (ms) => void stalls.push(ms),
  );
  const timer = new WheelTimer({ onTimer: () => {} });
  wheel.arm(timer, 60_000);
  for (const gapMs of [100, 150, 200, 201, 350, 30_000]) {
    nowMs += gapMs;
    wheel.tick();
  }
  wheel.cancel(timer);
  wheel.tick();
  expect(stalls).toEqual([101, 250, 29_900]);
});
