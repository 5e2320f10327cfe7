import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openCodePageReleaser } from "../../../../server/control/memory/code-pages.ts";

function fileBackedKb(): number {
  return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

test.skipIf(process.platform !== "linux")("drops mapped code, time and again, and everything goes on", () => {
  const release = openCodePageReleaser();
  const beforeKb = fileBackedKb();
  expect(release?.()).toBeGreaterThan(10 * 1024 * 1024);
  expect(fileBackedKb()).toBeLessThan(beforeKb);
  expect(release?.()).toBeGreaterThan(0);
  expect(JSON.parse(JSON.stringify({ still: ["here"] }))).toEqual({ still: ["here"] });
});
