import { afterEach, expect, setSystemTime, test } from "bun:test";
import type { FromWorker } from "../../../../core/plane/messages.ts";
import { WorkerLog } from "../../../../server/proxy/thread/worker-log.ts";

afterEach(() => {
  setSystemTime();
});

test("a flood of one warning is thinned out and counted, and hides no other", () => {
  const posted: FromWorker[] = [];
  const log = new WorkerLog({
    level: "info",
    json: true,
    post: (message) => posted.push(message),
    onDropped: () => {},
  });
  const startMs = Date.UTC(2030, 0, 1);
  setSystemTime(startMs);
  for (let i = 0; i < 5; i++) log.warn("no room", { i });
  log.warn("bad name", {});
  setSystemTime(startMs + 1000);
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
