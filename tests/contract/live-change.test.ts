/** `/config`, `/backends`, `/audit`, the watched file and SIGHUP: everything changes while the server serves. */
import { describe, expect, test } from "bun:test";
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { liveChange } from "../scenarios/live-change.ts";
import { eventually } from "../support/eventually.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { record, records } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { TestServer } from "../support/server.ts";

const KEYS = {
  api_keys: [
    { key: "the-admin-key-of-the-tests", name: "ann", scopes: ["admin"] },
    { key: "the-reader-key-of-the-tests", name: "bob", scopes: ["read"] },
  ],
};
const ADMIN = { "X-API-Key": "the-admin-key-of-the-tests" };
const READER = { "X-API-Key": "the-reader-key-of-the-tests" };

function backendsOf(server: TestServer, headers: Readonly<Record<string, string>> = {}) {
  return server.call("GET", "/backends", { headers }).then((answer) => records(record(answer.json).backends));
}

/** Writes the file as an editor does: beside it, and then over it. */
function edit(server: TestServer, change: (text: string) => string): void {
  const file = join(server.dir, "server.yml");
  writeFileSync(`${file}.new`, change(readFileSync(file, "utf8")));
  renameSync(`${file}.new`, file);
}

test("backends of the configuration need no agent, and mix with those that have one", async () => {
  await using first = new HttpBackend({ name: "first" });
  await using second = new HttpBackend({ name: "second" });
  await using server = await TestServer.start({
    config: {
      strategy: "round_robin",
      backends: [
        { id: "one", url: first.url, location: { lat: 48, lon: 16 }, tags: ["blue"] },
        { endpoints: [{ url: second.url, paths: ["/two"] }], backup: "one", max_in_flight: 3 },
      ],
    },
  });
  for (let count = 0; count < 4; count++) expect((await server.call("GET", "/x")).text).toBe("first");
  await server.call("POST", "/backends/one/drain");
  expect((await server.call("GET", "/two")).text).toBe("second");
  await server.call("POST", "/backends/one/undrain");
  const [backup, one] = await backendsOf(server);
  expect(one).toMatchObject({
    id: "one",
    source: "config",
    tags: ["blue"],
    location: { lat: 48, lon: 16 },
    report_age_seconds: null,
    routable: true,
  });
  expect(backup).toMatchObject({ backup: "one", max_in_flight: 3, endpoints: [{ paths: ["/two"] }] });
});

describe("the file", () => {
  test("is taken up when it changes, as a whole or not at all", async () => {
    await using first = new HttpBackend({ name: "first" });
    await using second = new HttpBackend({ name: "second" });
    await using server = await TestServer.start({ config: { backends: [{ id: "b", url: first.url }] } });
    expect((await server.call("GET", "/x")).text).toBe("first");
    edit(server, (text) => text.replace(first.url, second.url));
    await server.log("the file is taken up", ({ data }) => record(data).key === "backends.b.url");
    expect((await server.call("GET", "/x")).text).toBe("second");
    edit(server, (text) => `${text.replace(second.url, first.url)}\nstale_minutes: 0\n`);
    const refusal = await server.log("the refusal", ({ level }) => level === "error");
    expect(String(record(refusal.data).reason)).toContain(
      "stale_minutes: must be a whole number from 1 to 1440, got 0",
    );
    expect((await server.call("GET", "/x")).text).toBe("second");
  });

  test("is waited for while it is empty, gone or nonsense, and may be behind a link", async () => {
    await using server = await TestServer.start({ config: { stale_minutes: 6 } });
    const file = join(server.dir, "server.yml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, "");
    await server.log("that it is empty", ({ message }) => String(message).includes("is empty"));
    rmSync(file);
    await server.log("that it is gone", ({ data }) =>
      String(record(data ?? {}).reason).includes("does not exist"),
    );
    writeFileSync(`${file}.other`, text.replace("stale_minutes: 6", "stale_minutes: 7"));
    symlinkSync(`${file}.other`, file);
    const change = await server.log("the change", ({ data }) => record(data ?? {}).key === "stale_minutes");
    expect(record(change.data)).toMatchObject({ from: "6", to: "7" });
  });

  test("is read at SIGHUP and by a call too, which tells every error", async () => {
    await using server = await TestServer.start({ config: { watch_config: false, max_leases: 100 } });
    edit(server, (text) => `${text}\nrequest_timeout_seconds: 7\n`);
    server.child.kill("SIGHUP");
    await server.log("SIGHUP", ({ data }) => record(data).by === "SIGHUP");
    edit(server, (text) => text.replace("max_leases: 100", "max_leases: 200"));
    const reloaded = await server.call("POST", "/config/reload");
    expect([reloaded.status, record(reloaded.json).restart_required]).toEqual([200, ["max_leases"]]);
    edit(server, (text) => `${text}\nidle_timeout_seconds: none\nnonsense: 1\n`);
    const refused = await server.call("POST", "/config/reload");
    expect(refused.status).toBe(400);
    expect(records(record(refused.json).errors)).toHaveLength(2);
  });
});

test("a storm of SIGHUP is a few reads", async () => {
  await using server = await TestServer.start({ config: { watch_config: false } });
  const begin = server.logs().length;
  edit(server, (text) => `${text}\nrequest_timeout_seconds: 7\n`);
  for (let count = 0; count < 500; count++) server.child.kill("SIGHUP");
  await server.log("the change", ({ data }) => record(data ?? {}).key === "request_timeout_seconds");
  expect(record(record((await server.call("GET", "/config")).json).config).request_timeout_seconds).toBe(7);
  const reads = server.logs().slice(begin).length;
  expect(reads).toBeLessThan(500);
});

describe("a call", () => {
  test("changes keys for those who may, once, and the audit log tells who", async () => {
    await using server = await TestServer.start({ config: KEYS });
    const patch = { set: { strategy: "leastconn", breaker_failures: 9 } };
    expect((await server.call("PATCH", "/config", { headers: READER, json: patch })).status).toBe(403);
    const seen = await server.call("GET", "/config", { headers: READER });
    expect(seen.text).not.toContain("key-of-the-tests");
    const headers = { ...ADMIN, "If-Match": seen.header("etag") ?? "" };
    const changed = await server.call("PATCH", "/config", { headers, json: patch });
    expect(record(changed.json).changes).toEqual([
      { key: "strategy", from: "resource", to: "leastconn" },
      { key: "breaker_failures", from: 5, to: 9 },
    ]);
    const late = await server.call("PATCH", "/config", { headers, json: { set: { strategy: "random" } } });
    expect([late.status, late.header("etag")]).toEqual([412, '"2"']);
    expect((await server.call("GET", "/audit", { headers: READER })).status).toBe(403);
    const [entry] = records(record((await server.call("GET", "/audit", { headers: ADMIN })).json).entries);
    expect(entry).toMatchObject({ actor: "ann", action: "config", persist: true });
  });

  test("that is wrong says what, and leaves all as it was", async () => {
    await using server = await TestServer.start({
      config: { backends: [{ id: "a", url: "http://127.0.0.1:9" }] },
    });
    const wrong: readonly (readonly [string, string, unknown, number, string])[] = [
      ["PATCH", "/config", { set: { strategy: "leest_conn" } }, 400, "strategy"],
      ["PATCH", "/config", { set: { server_key: "x" } }, 400, "server_key"],
      ["PATCH", "/config", {}, 400, "set"],
      ["PATCH", "/config", { unset: ["strategy", "nonsense"] }, 400, "unset"],
      ["PATCH", "/backends/a", {}, 400, ""],
      ["PATCH", "/backends/a", { weight: -1 }, 400, "weight"],
      ["PATCH", "/backends/a", { weight: 0 }, 400, "backends"],
      ["PATCH", "/backends/a", { backup: "a" }, 400, "backends[0].backup"],
      ["PATCH", "/backends/none", { weight: 1 }, 404, ""],
      ["POST", "/backends", { id: "a", url: "http://127.0.0.1:8" }, 409, ""],
      ["POST", "/backends", { id: "m", url: "http://169.254.169.254" }, 400, "backends m"],
      ["POST", "/config/undo", undefined, 409, ""],
    ];
    for (const [method, path, body, status, field] of wrong) {
      const answer = await server.call(method, path, body === undefined ? {} : { json: body });
      const problem = expectProblem(answer, status);
      if (field !== "") expect(JSON.stringify(problem)).toContain(`"field":"${field}"`);
    }
    expect(record((await server.call("GET", "/config")).json).version).toBe(1);
  });

  test("adds and removes backends, over restarts if it is to", async () => {
    await using first = new HttpBackend({ name: "first" });
    await using second = new HttpBackend({ name: "second" });
    await using server = await TestServer.start({ config: { backends: [{ id: "one", url: first.url }] } });
    const added = await server.call("POST", "/backends", { json: { id: "two", url: second.url } });
    expect(added.status).toBe(201);
    await server.call("POST", "/backends", { json: { id: "gone", url: second.url, persist: false } });
    expect((await server.call("DELETE", "/backends/one")).status).toBe(204);
    expect((await server.call("GET", "/x")).text).toBe("second");
    await server.restart();
    expect((await backendsOf(server)).map(({ id, source }) => [id, source])).toEqual([["two", "api"]]);
    expect((await server.call("GET", "/x")).text).toBe("second");
    await server.call("DELETE", "/backends/two");
    expect((await server.call("GET", "/x")).status).toBe(503);
  });

  test("is only tried out whatever dry_run says, but for false", async () => {
    await using server = await TestServer.start({ config: { watch_config: false } });
    for (const value of ["=true", "", "=1", "=yes"]) {
      const answer = await server.call("PATCH", `/config?dry_run${value}`, { json: { set: { workers: 1 } } });
      expect([answer.status, record(answer.json).version]).toEqual([200, 1]);
    }
    const done = await server.call("PATCH", "/config?dry_run=false", { json: { set: { workers: 1 } } });
    expect(record(done.json).version).toBe(2);
  });

  test("takes back all that was said of backends, also after a restart", async () => {
    const one = { id: "one", url: "http://127.0.0.1:9" };
    await using server = await TestServer.start({ config: { backends: [one, { ...one, id: "two" }] } });
    await server.call("DELETE", "/backends/one");
    await server.call("PATCH", "/backends/two", { json: { weight: 3 } });
    await server.call("POST", "/backends", { json: { ...one, id: "three" } });
    await server.restart();
    const { overrides } = record((await server.call("GET", "/config")).json);
    expect(record(overrides).backends).toMatchObject({
      added: ["three"],
      removed: ["one"],
      changed: ["two"],
    });
    await server.call("PATCH", "/config", { json: { unset: ["backends"] } });
    const listed = (await backendsOf(server)).map(({ id, weight }) => [id, weight]);
    expect(listed).toEqual([
      ["one", 1],
      ["two", 1],
    ]);
    expect(record((await server.call("GET", "/config")).json).overrides).toEqual({});
  });

  test("is left out alone when the file of the next start does not go with it", async () => {
    const one = { id: "one", url: "http://127.0.0.1:9" };
    await using server = await TestServer.start({ config: { backends: [one], tiers: [{ name: "small" }] } });
    await server.call("PATCH", "/config", { json: { set: { default_tier: "small" } } });
    await server.call("PATCH", "/config", { json: { set: { stale_minutes: 9 } } });
    await server.call("POST", "/backends", { json: { ...one, id: "two", backup: "one" } });
    const tiers = [{ name: "large" }];
    await server.restart({ tiers, backends: [{ ...one, backup: "two" }] });
    const misfits = server.logs().filter(({ message }) => String(message).includes("does not fit any more"));
    expect(misfits.map(({ data }) => record(data).what)).toEqual(["default_tier", "added two"]);
    const { config } = record((await server.call("GET", "/config")).json);
    expect([record(config).stale_minutes, record(config).default_tier]).toEqual([9, ""]);
  });

  test("adds a backend once, however many ask at the same time", async () => {
    await using server = await TestServer.start({ config: {} });
    const urls = ["http://127.0.0.1:7", "http://127.0.0.1:8", "http://127.0.0.1:9"];
    const answers = await Promise.all(
      urls.map((url) => server.call("POST", "/backends", { json: { id: "one", url } })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
    const tried = await server.call("POST", "/backends?dry_run=true", {
      json: { id: "two", url: "http://127.0.0.1:9" },
    });
    expect([tried.status, (await backendsOf(server)).map(({ id }) => id)]).toEqual([200, ["one"]]);
  });

  test("that changes the level of the log counts over a restart, and one that opens it otherwise is refused", async () => {
    await using server = await TestServer.start({ config: { log_level: "error" } });
    for (const key of ["json_logging", "log_compress"]) {
      expect((await server.call("PATCH", "/config", { json: { set: { [key]: false } } })).status).toBe(400);
    }
    await server.call("PATCH", "/config", { json: { set: { log_level: "info" } } });
    await server.restart();
    await server.log("that it is ready", ({ message }) => String(message).includes("is ready"));
  });

  test("drains a backend of the configuration until it is undrained, over restarts", async () => {
    await using only = new HttpBackend({ name: "only" });
    await using server = await TestServer.start({ config: { backends: [{ id: "b", url: only.url }] } });
    expect((await server.call("POST", "/backends/b/drain")).status).toBe(200);
    await server.restart();
    expect((await server.call("GET", "/x")).status).toBe(503);
    await server.call("POST", "/backends/b/undrain");
    expect((await server.call("GET", "/x")).text).toBe("only");
  });

  test("starts and ends workers, and no connection of theirs", async () => {
    await using only = new HttpBackend({ name: "only", onMessage: () => {} });
    await using server = await TestServer.start({ config: { workers: 1, backends: [{ url: only.url }] } });
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    for (const workers of [4, 1, 3]) {
      const answer = await server.call("PATCH", "/config", { json: { set: { workers } } });
      expect(answer.status).toBe(200);
      for (let count = 0; count < 20; count++) expect((await server.call("GET", "/x")).text).toBe("only");
    }
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.close();
  });

  test("switches health checks on and off", async () => {
    await using server = await TestServer.start({
      config: {
        health_check_enabled: true,
        health_check_interval_seconds: 1,
        backends: [{ id: "b", url: "http://127.0.0.1:9" }],
      },
    });
    const status = async () => (await backendsOf(server))[0]?.status;
    await eventually("the backend is unhealthy", async () => (await status()) === "unhealthy");
    await server.call("PATCH", "/config", { json: { set: { health_check_enabled: false } } });
    await eventually("nothing is known of it", async () => (await status()) !== "unhealthy");
  });
});

test("nobody feels that everything changes", async () => {
  const { failures, refused, ...result } = await liveChange({ requests: 4000, changes: 18, sockets: 20 });
  expect({ failures, refused }).toEqual({ failures: [], refused: [] });
  expect(result).toMatchObject({ failed: 0, closed: 0, reloads: 18, edits: 18, echoes: 360 });
});
