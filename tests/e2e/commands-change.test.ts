/** Commands that change a running server: its backends and its configuration. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child, type Finished } from "../support/child.ts";
import { commandOf } from "../support/executables.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { record, records } from "../support/json.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

const KEY = "correct-horse-battery-staple";

let server: TestServer;
let backend: HttpBackend;
let dir = "";

beforeAll(async () => {
  dir = makeTempDir();
  backend = new HttpBackend({ name: "one" });
  server = await TestServer.start({ config: { server_key: KEY, log_level: "info" } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
  removeDir(dir);
});

async function run(...words: string[]): Promise<Finished> {
  await using child = new Child({
    command: [...commandOf("server"), ...words],
    cwd: dir,
    env: { OPSEN_SERVER: server.url, OPSEN_API_KEY: KEY },
  });
  return await child.finished();
}

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(...words, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return record(JSON.parse(stdout));
}

test("a backend is added, changed and removed", async () => {
  const rehearsed = await run("backends", "add", "one", "--url", backend.url, "--dry-run");
  expect(rehearsed).toMatchObject({ code: 0 });
  expect(rehearsed.stdout).toContain("nothing was changed");
  expect((await run("backends")).stdout).toBe("no backends");

  const words = ["--url", `${backend.url} /api,/v1/*`, "--weight", "2.5", "--tag", "blue", "--tag", "eu"];
  const added = await run("backends", "add", "one", ...words, "--lat", "48", "--lon", "16", "--vcpu", "8");
  expect(added.code).toBe(0);
  expect(added.stdout).toMatch(/^version \d+$/m);
  const [shown] = records((await json("backends")).backends);
  expect(shown).toMatchObject({
    id: "one",
    source: "api",
    weight: 2.5,
    tags: ["blue", "eu"],
    location: { lat: 48, lon: 16 },
    endpoints: [{ url: backend.url, paths: ["/api", "/v1/*"] }],
  });
  expect((await server.call("GET", "/api/x")).text).toBe("one");
  expect((await run("backends")).stdout).toMatch(/^one +\w+ +api +2\.5 .*blue,eu/m);
  expect((await run("backends", "--tag", "green")).stdout).toBe("none of 1 backends is meant");

  expect(
    (await run("backends", "set", "one", "--weight", "1", "--backup", "true", "--max-in-flight", "7")).code,
  ).toBe(0);
  const [changed] = records((await json("backends")).backends);
  expect(changed).toMatchObject({ weight: 1, backup: true, max_in_flight: 7, tags: ["blue", "eu"] });

  expect((await run("drain", "one", "--wait", "5")).stdout).toContain("it is idle");
  expect((await run("undrain", "one")).code).toBe(0);
  expect(await run("backends", "remove", "one")).toMatchObject({ code: 0, stdout: "one is removed" });
  expect((await run("backends")).stdout).toBe("no backends");
});

test("what the server refuses is said, and what makes no sense is not even asked", async () => {
  const bad = await run("backends", "add", "one", "--url", "gopher://x");
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain("the server refused");
  expect((await run("backends", "add", "one")).code).toBe(2);
  expect((await run("backends", "add", "one", "--url", "http://a", "--dns", "a:1")).code).toBe(2);
  expect((await run("backends", "add", "one", "--url", "http://a", "--lat", "1")).code).toBe(2);
  expect((await run("backends", "set", "one")).code).toBe(2);
  const gone = await run("backends", "set", "nobody", "--weight", "1");
  expect(gone.code).toBe(1);
  expect(gone.stderr).toContain("nobody");
});

test("the configuration is shown, changed, rehearsed and taken back", async () => {
  const whole = await run("config", "get");
  expect(whole.code).toBe(0);
  expect(whole.stdout).toMatch(/^# version \d+, from server\.yml$/m);
  expect(whole.stdout).toMatch(/^server_key: "\*\*\*"$/m);
  expect(whole.stdout).not.toContain(KEY);
  expect((await run("config", "get", "log_level")).stdout).toBe("info");
  expect(await json("config", "get", "log_level", "stale_minutes")).toEqual({
    log_level: "info",
    stale_minutes: 5,
  });
  const unknown = await run("config", "get", "log_levle");
  expect(unknown).toMatchObject({ code: 1 });
  expect(unknown.stderr).toContain("did you mean log_level?");

  const rehearsed = await run("config", "set", "log_level=warn", "--dry-run");
  expect(rehearsed.stdout).toBe('log_level: "info" → "warn"\nnothing was changed (--dry-run)');
  expect((await run("config", "get", "log_level")).stdout).toBe("info");

  const set = await run("config", "set", "log_level=warn", "whitelisted_ips=[127.0.0.0/8]");
  expect(set.code).toBe(0);
  expect(set.stdout).toContain('log_level: "info" → "warn"');
  expect((await run("config", "get", "whitelisted_ips")).stdout).toBe("- 127.0.0.0/8");
  expect((await run("config", "get")).stdout).toMatch(/^# log_level was set at run time by \S+ at 20\S+Z$/m);

  expect((await run("config", "undo")).stdout).toContain('log_level: "warn" → "info"');
  expect((await run("config", "get", "log_level")).stdout).toBe("info");
  expect((await run("config", "set", "log_level=warn", "--no-persist")).code).toBe(0);
  expect((await run("config", "unset", "log_level")).stdout).toContain('log_level: "warn" → "info"');
});

test("a change of many faults names each, and changes nothing", async () => {
  const { code, stdout, stderr } = await run(
    "config",
    "set",
    "log_level=loud",
    "stale_minutes=-1",
    "frobnicate=1",
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  for (const key of ["log_level", "stale_minutes", "frobnicate"]) expect(stderr).toContain(key);
  expect((await run("config", "set", "log_level")).code).toBe(2);
  expect((await run("config", "set", "tiers=[")).code).toBe(2);
});

test("a change meant for another version is refused", async () => {
  const version = Number((await json("config", "get")).version);
  const stale = await run("config", "set", "stale_minutes=6", "--if-version", String(version + 1));
  expect(stale.code).toBe(1);
  expect((await run("config", "set", "stale_minutes=6", "--if-version", String(version))).code).toBe(0);
});

test("reload takes up what the file says now", async () => {
  const file = join(server.dir, "server.yml");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, `${text}sticky_header: X-Session\nport_of_call: 1\n`);
  const wrong = await run("reload");
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain("port_of_call");
  writeFileSync(file, `${text}whitelisted_ips: [127.0.0.0/8]\n`);
  const { code, stdout } = await run("reload");
  expect(code).toBe(0);
  // The server looks at its file by itself, too, and may have been faster.
  expect(stdout).toMatch(/whitelisted_ips|in force already/);
  expect((await run("config", "get", "whitelisted_ips")).stdout).toBe("- 127.0.0.0/8");
});

test("audit lists what was done, newest first", async () => {
  const { code, stdout } = await run("audit");
  expect(code).toBe(0);
  const [head = "", ...rows] = stdout.split("\n");
  expect(head).toMatch(/^AT +BY +ACTION +TARGET +KEPT +CHANGES$/);
  expect(rows.length).toBeGreaterThan(5);
  expect(stdout).toContain("add backend");
  const times = rows.map((row) => row.split(/\s+/)[0] ?? "");
  expect(times).toEqual(times.toSorted().toReversed());
  expect(records((await json("audit", "--limit", "2")).entries)).toHaveLength(2);
});
