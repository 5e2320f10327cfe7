import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { releaseCodePagesRegularly } from "../../client/code-pages.ts";
import { ManualScheduler } from "./fakes.ts";

function fileBackedKib(): number {
  return Number(/RssFile:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

test.skipIf(process.platform !== "linux")("it is done from time to time, until it is ended", async () => {
  const scheduler = new ManualScheduler();
  const end = releaseCodePagesRegularly(scheduler);
  const before = fileBackedKib();
  expect(await scheduler.fire()).toBe(10_000);
  expect(fileBackedKib()).toBeLessThan(before);
  expect([await scheduler.fire(), await scheduler.fire()]).toEqual([120_000, 120_000]);
  end();
  expect(scheduler.pending).toBe(0);
});
