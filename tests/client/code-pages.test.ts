import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { codePageReleaser, releaseCodePagesRegularly } from "../../client/code-pages.ts";
import { ManualScheduler } from "./fakes.ts";

function fileBackedKib(): number {
  return Number(/RssFile:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

test.skipIf(process.platform !== "linux")("dropping code pages frees memory and breaks nothing", () => {
  const release = codePageReleaser();
  const before = fileBackedKib();
  expect(release?.()).toBeGreaterThan(0);
  expect(fileBackedKib()).toBeLessThan(before);
  expect(JSON.parse('{"still":[1,2,3]}')).toEqual({ still: [1, 2, 3] });
});

test.skipIf(process.platform !== "linux")("it is done from time to time, until it is ended", async () => {
  const scheduler = new ManualScheduler();
  const end = releaseCodePagesRegularly(scheduler);
  expect([await scheduler.fire(), await scheduler.fire(), await scheduler.fire()]).toEqual([
    10_000, 120_000, 120_000,
  ]);
  end();
  expect(scheduler.pending).toBe(0);
});
