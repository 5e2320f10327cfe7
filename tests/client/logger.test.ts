import { expect, test } from "bun:test";
import { Complaints } from "../../client/complaints.ts";
import { Log } from "../../client/logger.ts";
import { recordingLogger } from "./fakes.ts";

function written(least: "debug" | "warn" | "fatal", json: boolean): string[] {
  const lines: string[] = [];
  const log = new Log({ least, json, now: () => 0, write: (line) => lines.push(line) }).component("part");
  log.debug("d");
  log.info("i", { a: 1 });
  log.warn("w");
  log.error("e");
  log.fatal("f", { reason: "two\nlines" });
  return lines;
}

test("lines below the configured level are not written", () => {
  expect(written("debug", false)).toHaveLength(5);
  expect(written("warn", false)).toHaveLength(3);
  expect(written("fatal", false)).toHaveLength(1);
});

test("each fact is one line, in either form", () => {
  for (const json of [false, true]) {
    for (const line of written("debug", json)) {
      expect(line.endsWith("\n")).toBe(true);
      expect(line.trimEnd()).not.toContain("\n");
    }
  }
  expect(written("debug", false)[1]).toBe("1970-01-01T00:00:00.000Z INFO [part] i a=1\n");
});

test("a failure is told once, its end once, and again when it comes back", () => {
  const { log, lines } = recordingLogger();
  const complaints = new Complaints(log);
  complaints.worked("CPU");
  for (let i = 0; i < 3; i++) complaints.failed("CPU", new Error("why"));
  complaints.worked("CPU");
  complaints.worked("CPU");
  complaints.failed("CPU", "why");
  expect(lines.map((line) => line.level)).toEqual(["warn", "info", "warn"]);
});
