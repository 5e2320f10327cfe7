import { describe, expect, test } from "bun:test";
import { Complaints } from "../../client/complaints.ts";
import type { Sample, Sampler } from "../../client/sampler/sample.ts";
import { Sampling } from "../../client/sampling.ts";
import { Window } from "../../client/window.ts";
import { ManualScheduler, recordingLogger } from "./fakes.ts";

function rig(sampler: Sampler): {
  sampling: Sampling;
  scheduler: ManualScheduler;
  messages: () => string[];
} {
  const scheduler = new ManualScheduler();
  const { log, lines } = recordingLogger();
  const complaints = new Complaints(log);
  const sampling = new Sampling({ sampler, window: new Window(60_000), scheduler, complaints });
  return { sampling, scheduler, messages: () => lines.map((line) => line.message) };
}

function oneCore(sample: Sample, usePct: number): void {
  sample.cores = 1;
  sample.cpuPct[0] = usePct;
}

describe("sampling", () => {
  test("looks at once, soon after, and then once a second on a steady grid", async () => {
    const looks: number[] = [];
    const { sampling, scheduler } = rig({
      sample(into) {
        looks.push(scheduler.nowMs);
        // The look itself takes 30 ms, which must not add up.
        scheduler.nowMs += 30;
        oneCore(into, 50);
      },
      close() {},
    });
    await sampling.start();
    for (let i = 0; i < 4; i++) await scheduler.fire();
    expect(looks).toEqual([0, 200, 1200, 2200, 3200]);
    await sampling.ready;
    expect(sampling.averages().cpuPct).toEqual([50]);
    sampling.stop();
    expect(scheduler.pending).toBe(0);
  });

  test("does not make up for what it missed", async () => {
    const looks: number[] = [];
    const { sampling, scheduler } = rig({
      sample(into) {
        looks.push(scheduler.nowMs);
        if (looks.length === 2) scheduler.nowMs += 3500;
        oneCore(into, 0);
      },
      close() {},
    });
    await sampling.start();
    for (let i = 0; i < 3; i++) await scheduler.fire();
    expect(looks).toEqual([0, 200, 4200, 5200]);
  });

  test("waits for a slow sampler, and outlives one that throws", async () => {
    let calls = 0;
    const { sampling, scheduler, messages } = rig({
      sample() {
        calls++;
        if (calls === 2) return Promise.reject(new Error("boom"));
        if (calls === 3) throw new Error("boom");
        return Promise.resolve();
      },
      close() {},
    });
    await sampling.start();
    for (let i = 0; i < 4; i++) await scheduler.fire();
    await scheduler.idle();
    expect(calls).toBe(5);
    expect(messages()).toEqual([
      "cannot read the host; trying again each second",
      "the host can be read again",
    ]);
  });
});
