import { expect, test } from "bun:test";
import type { FromWorker } from "../../../../core/plane/messages.ts";
import { WorkerLog } from "../../../../server/proxy/thread/worker-log.ts";

test("a flood of one warning is thinned out and counted, and hides no other", () => {
  const posted: FromWorker[] = [];
  let nowMs = 0;
  const log = new WorkerLog({
    level: "info",
    json: true,
    post: (message) => posted.push(message),
    onDropped: () => {},
    monotonicMs: () => nowMs,
  });
  for (let i = 0; i < 5; i++) log.warn("no room", { i });
  log.warn("bad name", {});
  nowMs = 1000;
  log.warn("no room", { i: 5 });
  log.warn("bad name", {});
  log.flush();
  const lines = posted.flatMap((message) => (message.type === "log" ? message.lines.trim().split("\n") : []));
  const seen = lines.map((line): unknown => JSON.parse(line));
  expect(seen).toMatchObject([
    { message: "no room" },
    { message: "bad name" },
    { message: "no room" },
    { message: "bad name" },
  ]);
  expect(lines.map((line) => /"suppressed":(\d+)/.exec(line)?.[1] ?? "")).toEqual(["", "", "4", ""]);
});

test("lines about refusals are thinned by code, and the next one counts those left out", () => {
  let nowMs = 5000;
  const log = new WorkerLog({
    level: "info",
    json: true,
    post: () => {},
    onDropped: () => {},
    monotonicMs: () => nowMs,
  });
  const asked = (code: string, times: number): number =>
    Array.from({ length: times }, () => log.refusal(code)).filter((answer) => answer !== null).length;
  expect(asked("bad_request", 1000)).toBe(10);
  expect(asked("rate_limited", 3)).toBe(3);
  nowMs += 999;
  expect(log.refusal("bad_request")).toBeNull();
  nowMs += 1;
  expect(log.refusal("bad_request")).toEqual({ suppressed: 991 });
  expect(log.refusal("bad_request")).toEqual({ suppressed: undefined });
});
