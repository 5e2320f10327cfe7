import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { Log } from "../../../../server/control/logging/logger.ts";
import { Descriptor } from "../../../../server/control/logging/outlet.ts";
import { LogSink } from "../../../../server/control/logging/sink.ts";
import { START_MS, temporaryDirectory } from "../fixtures.ts";

/** Runs a script of the sink in a process of its own, with its stdout as a pipe. */
function sinkProcess(script: string) {
  const folder = `${import.meta.dir}/../../../../server/control/logging`;
  const imports = `import { Descriptor } from "../../../../server/control/logging/outlet.ts";
import { LogSink } from ${JSON.stringify(`${folder}/sink.ts`)};
    import { Descriptor } from ${JSON.stringify(`${folder}/outlet.ts`)};`;
  return Bun.spawn([process.execPath, "-e", `${imports} ${script}`], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
}

describe("the sink", () => {
  test("writes everything in order", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/log`;
    const fd = openSync(path, "w");
    const sink = new LogSink(new Descriptor(fd), () => "");
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`);
    for (const line of lines) sink.write(line);
    await sink.flush(10_000);
    closeSync(fd);
    expect(readFileSync(path, "utf8")).toBe(lines.join(""));
  });

  test("goes on when nobody reads any more", async () => {
    const child = sinkProcess(`
      const sink = new LogSink(new Descriptor(1), () => "");
      sink.write("first\\n");
      for await (const _ of Bun.stdin.stream()) break;
      for (let i = 0; i < 1000; i++) sink.write("x".repeat(1000) + "\\n");
      await sink.flush(60_000);
      sink.write("more\\n");
      await sink.flush(60_000);
      process.exit(7);
    `);
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    await child.stdin.write("go");
    await child.stdin.end();
    expect(await child.exited).toBe(7);
  });

  test("counts what a stalled reader made it drop, and says so when there is room again", async () => {
    const child = sinkProcess(`
      const sink = new LogSink(new Descriptor(1), (dropped) => "dropped " + dropped + "\\n");
      for (let i = 0; i < 12; i++) sink.write(("x".repeat(1023) + "\\n").repeat(1024));
      await sink.flush(60_000);
      sink.write("last\\n");
      await sink.flush(60_000);
    `);
    const text = await new Response(child.stdout).text();
    expect(text.endsWith("dropped 4096\nlast\n")).toBe(true);
    expect(text.length).toBe(8 * 1024 * 1024 + "dropped 4096\nlast\n".length);
  });
});

describe("the log", () => {
  test("obeys the level and the form for every component", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/log`;
    const fd = openSync(path, "w");
    const log = new Log({ level: "warning", json: true, outlet: new Descriptor(fd), now: () => START_MS });
    const logger = log.component("store");
    logger.debug("no");
    logger.info("no");
    logger.warn("yes", { why: "line\nbreak" });
    log.writeLines("from a worker\n");
    await log.flush(10_000);
    closeSync(fd);
    const [first = "", second] = readFileSync(path, "utf8").split("\n");
    expect(JSON.parse(first)).toEqual({
      timestamp: "2026-01-01T00:00:00.000Z",
      level: "warn",
      message: "yes",
      component: "store",
      data: { why: "line\nbreak" },
    });
    expect(second).toBe("from a worker");
  });
});
