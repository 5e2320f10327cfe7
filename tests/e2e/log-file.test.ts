/** The log as a file: where it is, who may move it, and what a start says of one that cannot be had. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { stringify } from "yaml";
import { Child } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { commandOf } from "../support/executables.ts";
import { record } from "../support/json.ts";
import { call } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

test("the log goes to the file alone, which SIGUSR1 has opened again", async () => {
  await using server = await TestServer.start({ config: { log_file: "logs/opsen.log" } });
  const path = join(server.dir, "logs/opsen.log");
  await server.call("GET", "/before");
  await eventually("the line before", () => readFileSync(path, "utf8").includes("/before"));
  renameSync(path, `${path}.1`);
  server.child.kill("SIGUSR1");
  await eventually("a new file", () => readdirSync(join(server.dir, "logs")).includes("opsen.log"));
  await server.call("GET", "/after");
  await eventually("the line after", () => readFileSync(path, "utf8").includes("/after"));
  expect((await server.stop()).code).toBe(0);
  expect(readFileSync(`${path}.1`, "utf8")).not.toContain("/after");
  const lines = readFileSync(path, "utf8").trim().split("\n");
  expect(record(JSON.parse(lines.at(-1) ?? "")).message).toBe("stopped");
  expect(server.child.lines).toEqual([]);
  expect(server.child.errorLines).toEqual([]);
});

test("a log that is full is set aside and compressed", async () => {
  const limits = { log_max_size_mb: 1, log_max_backups: 2 };
  await using server = await TestServer.start({ config: { log_file: "opsen.log", ...limits } });
  const path = join(server.dir, "opsen.log");
  writeFileSync(path, `${"x".repeat(1023)}\n`.repeat(1023), { flag: "a" });
  await server.restart();
  for (let index = 0; index < 20; index++) await server.call("GET", `/${"p".repeat(200)}`);
  const name = await eventually("an old log", () =>
    readdirSync(server.dir).find((each) => /^opsen-.*Z\.log\.gz$/.test(each)),
  );
  expect(gunzipSync(readFileSync(join(server.dir, name))).length).toBeGreaterThan(1023 * 1024);
  expect(server.child.errorLines).toEqual([]);
});

test("a log file that cannot be had is said before anything starts", async () => {
  const dir = makeTempDir();
  try {
    writeFileSync(join(dir, "server.yml"), "log_file: server.yml/opsen.log\n");
    for (const args of [[], ["-check"]]) {
      const command = [...commandOf("server"), "-config", "server.yml", ...args];
      await using child = new Child({ command, cwd: dir });
      const { code, stderr } = await child.finished();
      expect({ code, names: stderr.includes("log_file") }).toEqual({ code: 1, names: true });
    }
  } finally {
    removeDir(dir);
  }
});

const LIMIT_BYTES = 1_048_576;

test("a file that cannot grow costs no request; what waited is written once there is room", async () => {
  const dir = makeTempDir();
  try {
    const path = join(dir, "opsen.log");
    writeFileSync(path, `${"x".repeat(1023)}\n`.repeat(1022));
    const config = { host: "127.0.0.1", port: 0, workers: 1, log_file: "opsen.log", log_max_size_mb: 0 };
    writeFileSync(join(dir, "server.yml"), stringify(config));
    // The shell counts in blocks of 512 bytes.
    const limited = ["sh", "-c", `ulimit -f ${LIMIT_BYTES / 512}; exec "$@"`, "sh"];
    const command = [...limited, ...commandOf("server"), "-config", "server.yml"];
    await using child = new Child({ command, cwd: dir });
    const port = await eventually("a port", () => child.running && child.listeningPorts()[0]);
    for (let index = 0; index < 60; index++) {
      expect((await call({ port }, "GET", `/health?${index}`)).status).toBe(200);
    }
    await eventually("that it cannot be written", () =>
      child.errorLines.some((line) => line.includes("opsen.log: the log file cannot be written")),
    );
    expect(statSync(path).size).toBeLessThanOrEqual(LIMIT_BYTES);
    truncateSync(path, 0);
    await eventually("the lines that waited", () => readFileSync(path, "utf8").includes("GET /health?… 200"));
    expect(child.errorLines).toHaveLength(1);
    child.kill("SIGTERM");
    expect((await child.finished()).code).toBe(0);
    expect(readFileSync(path, "utf8")).toContain("stopped");
  } finally {
    removeDir(dir);
  }
});
