import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { LogFile, type LogFileOptions } from "../../../../server/control/logging/log-file.ts";
import { judgeOldLogs, oldLogPath, parseOldLog } from "../../../../server/control/logging/old-logs.ts";
import { LogSink } from "../../../../server/control/logging/sink.ts";
import { START_MS, temporaryDirectory } from "../fixtures.ts";

const DAY_MS = 86_400_000;

interface Stand extends Disposable {
  readonly folder: string;
  readonly path: string;
  readonly troubles: string[];
  nowMs: number;
  open(options?: Partial<LogFileOptions>): Promise<LogFile>;
}

function stand(): Stand {
  const directory = temporaryDirectory();
  const folder = `${directory.path}/logs`;
  const path = `${folder}/opsen.log`;
  const troubles: string[] = [];
  return {
    folder,
    path,
    troubles,
    nowMs: START_MS,
    open(options = {}) {
      return LogFile.open({
        path,
        maxBytes: 0,
        maxBackups: 0,
        maxAgeMs: 0,
        compress: false,
        now: () => this.nowMs,
        onTrouble: (what) => troubles.push(what),
        ...options,
      });
    },
    [Symbol.dispose]() {
      directory[Symbol.dispose]();
    },
  };
}

/** Every line that stands in the folder, oldest file first. */
function linesIn(folder: string): string[] {
  const old = readdirSync(folder)
    .filter((name) => name !== "opsen.log")
    .toSorted();
  return [...old, "opsen.log"].flatMap((name) => {
    const bytes = readFileSync(`${folder}/${name}`);
    const text = name.endsWith(".gz") ? gunzipSync(bytes).toString() : bytes.toString();
    return text.split("\n").filter((line) => line !== "");
  });
}

describe("the log file", () => {
  test("is set aside before it grows over its size, and no line is lost, doubled or torn", async () => {
    using place = stand();
    const file = await place.open({ maxBytes: 10_000, compress: true });
    const sink = new LogSink(file, () => "");
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
    for (const line of lines) {
      sink.write(`${line}\n`);
      place.nowMs += 2;
      // The sink joins what waits: let it write now and then.
      if (place.nowMs % 100 === 0) await sink.flush(10_000);
    }
    await sink.flush(10_000);
    await file.close();
    expect(linesIn(place.folder)).toEqual(lines);
    const names = readdirSync(place.folder);
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) expect(name).toMatch(/^opsen(?:-\d{8}T\d{6}\.\d{3}Z)?\.log(?:\.gz)?$/);
    expect(names.filter((name) => name.endsWith(".gz"))).toHaveLength(names.length - 1);
    expect(statSync(place.path).size).toBeLessThanOrEqual(10_000);
    expect(place.troubles).toEqual([]);
  });

  test("goes on in the file that is there, and counts what it holds", async () => {
    using place = stand();
    await (await place.open()).close();
    writeFileSync(place.path, "x".repeat(90));
    const file = await place.open({ maxBytes: 100 });
    await file.write(Buffer.from("0123456789\n"));
    await file.close();
    expect(readdirSync(place.folder)).toHaveLength(2);
    expect(readFileSync(place.path, "utf8")).toBe("0123456789\n");
  });

  test("is set aside when it was begun too long ago", async () => {
    using place = stand();
    const file = await place.open({ maxAgeMs: DAY_MS });
    await file.write(Buffer.from("old\n"));
    place.nowMs += DAY_MS + 1;
    await file.write(Buffer.from("new\n"));
    await file.close();
    expect(linesIn(place.folder)).toEqual(["old", "new"]);
    expect(readFileSync(place.path, "utf8")).toBe("new\n");
  });

  test("keeps so many old files, none too old, and nobody else's", async () => {
    using place = stand();
    await (await place.open()).close();
    writeFileSync(`${place.folder}/opsen-notes.log`, "mine");
    writeFileSync(`${place.folder}/other-20200101T000000.000Z.log`, "mine");
    writeFileSync(oldLogPath(place.path, place.nowMs - 400 * DAY_MS), "ancient");
    writeFileSync(`${oldLogPath(place.path, place.nowMs - DAY_MS)}.gz.tmp`, "half");
    const file = await place.open({ maxBytes: 1, maxBackups: 2, maxAgeMs: 28 * DAY_MS, compress: true });
    for (let index = 0; index < 5; index++) {
      await file.write(Buffer.from(`${index}\n`));
      place.nowMs += 1000;
    }
    await file.close();
    const names = readdirSync(place.folder).filter((name) => name !== "opsen.log");
    const ours = names.filter((name) => parseOldLog(place.path, name) !== null).toSorted();
    expect(names.filter((name) => !ours.includes(name)).toSorted()).toEqual([
      "opsen-notes.log",
      "other-20200101T000000.000Z.log",
    ]);
    expect(ours.map((name) => gunzipSync(readFileSync(`${place.folder}/${name}`)).toString())).toEqual([
      "2\n",
      "3\n",
    ]);
  });

  test("is opened again when told so, or when somebody has moved it", async () => {
    using place = stand();
    const file = await place.open();
    await file.write(Buffer.from("1\n"));
    renameSync(place.path, `${place.folder}/moved-1`);
    await file.write(Buffer.from("2\n"));
    file.reopen();
    await file.write(Buffer.from("3\n"));
    renameSync(place.path, `${place.folder}/moved-2`);
    place.nowMs += 1001;
    await file.write(Buffer.from("4\n"));
    await file.close();
    expect(readFileSync(`${place.folder}/moved-1`, "utf8")).toBe("1\n2\n");
    expect(readFileSync(`${place.folder}/moved-2`, "utf8")).toBe("3\n");
    expect(readFileSync(place.path, "utf8")).toBe("4\n");
  });

  test("grows on when it cannot be set aside, and says so once", async () => {
    using place = stand();
    const file = await place.open({ maxBytes: 1 });
    await file.write(Buffer.from("1\n"));
    // Where the old log would go there is something that no file can take the place of.
    for (let ahead = 0; ahead < 3; ahead++) mkdirSync(oldLogPath(place.path, place.nowMs + ahead));
    for (let index = 2; index < 5; index++) {
      await file.write(Buffer.from(`${index}\n`));
      place.nowMs++;
    }
    await file.close();
    expect(readFileSync(place.path, "utf8")).toBe("1\n2\n3\n4\n");
    expect(place.troubles).toEqual(["the log file cannot be set aside and grows on"]);
  });

  test("a full disk costs no line that the queue can hold, and then whole lines, which are counted", async () => {
    let isFull = true;
    const written: string[] = [];
    const sink = new LogSink(
      {
        dropReason: "",
        write: (bytes) => {
          if (isFull) return Promise.reject(new Error("no space left"));
          const taken = Math.min(bytes.length, 100_000);
          written.push(bytes.toString("latin1", 0, taken));
          return Promise.resolve(taken);
        },
        writeSync: () => {},
        retryMs: () => 5,
      },
      (dropped) => `dropped ${dropped}\n`,
    );
    const block = `${"x".repeat(1023)}\n`.repeat(1024);
    for (let index = 0; index < 10; index++) sink.write(block);
    isFull = false;
    await sink.flush(10_000);
    sink.write("last\n");
    await sink.flush(10_000);
    expect(written.join("")).toBe(`${block.repeat(8)}dropped 2048\nlast\n`);
  });
});

test("the name of an old log tells when it was set aside, and no other name does", () => {
  const paths = ["/a/opsen.log", "opsen", "/a.b/c.d.log"];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.integer({ min: 0, max: 2 ** 42 }), (path, atMs) => {
      const name = oldLogPath(path, atMs).split("/").at(-1) ?? "";
      expect(parseOldLog(path, name)).toEqual({ name, atMs, isCompressed: false });
      expect(parseOldLog(path, `${name}.gz`)).toEqual({ name: `${name}.gz`, atMs, isCompressed: true });
      expect(parseOldLog(path, `x${name}`)).toBeNull();
    }),
  );
  for (const name of ["opsen.log", "opsen-.log", "opsen-20261301T000000.000Z.log", "opsen-2026.log.gz"]) {
    expect(parseOldLog("opsen.log", name)).toBeNull();
  }
});

test("what is kept is the newest, at most so many, none too old", () => {
  const ages = fc.array(fc.integer({ min: 0, max: 100 }));
  fc.assert(
    fc.property(ages, fc.nat(10), fc.nat(50), (list, maxBackups, maxAgeMs) => {
      const logs = list.map((age) => ({ name: `${age}`, atMs: 1000 - age, isCompressed: false }));
      const { kept, expired } = judgeOldLogs(logs, { maxBackups, maxAgeMs }, 1000);
      expect(kept.length + expired.length).toBe(logs.length);
      if (maxBackups > 0) expect(kept.length).toBeLessThanOrEqual(maxBackups);
      if (maxAgeMs > 0) for (const { atMs } of kept) expect(1000 - atMs).toBeLessThanOrEqual(maxAgeMs);
      const oldestKept = Math.min(...kept.map(({ atMs }) => atMs));
      for (const { atMs } of expired) expect(atMs).toBeLessThanOrEqual(oldestKept);
    }),
  );
});
