/** What a server still knows after it was killed, and how agents find it again. */

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TestAgent } from "../support/agent.ts";
import { ANY_ROOM } from "../support/any-room.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, record, records, string } from "../support/json.ts";
import { TestServer } from "../support/server.ts";

/** Answers are on disk two seconds later at the latest. */
const WRITE_BEHIND_MS = 2000;

function known(server: TestServer): Promise<Json[]> {
  return server.call("GET", "/clients").then((answer) => records(answer.json));
}

test("killed and started again, it routes at once on what it knew", async () => {
  await using calm = new HttpBackend({ name: "calm" });
  await using busy = new HttpBackend({ name: "busy" });
  await using media = new HttpBackend({ name: "media" });
  await using server = await TestServer.start({ config: { sticky_header: "X-S" } });
  const endpoints = [
    { url: busy.url, paths: ["/*"] },
    { url: media.url, paths: ["/media"] },
  ];
  const other = await FakeAgent.join(server, { id: "busy", endpoints, cpu: 60 });
  const headers = { "X-S": "alice" };
  expect((await server.call("GET", "/x", { headers })).text).toBe("busy");
  const place = { latitude: 48, longitude: 2 };
  const agent = await FakeAgent.join(server, {
    id: "calm",
    endpoints: [{ url: calm.url, paths: ["/x"] }],
    cpu: 5,
    ...place,
  });
  const leaver = await FakeAgent.join(server, { id: "gone", endpoint: calm.url });
  await leaver.remove();
  await agent.report({ cpu_usage_avg: [2, 2, 2, 2] });
  const before = await known(server);
  await Bun.sleep(WRITE_BEHIND_MS);
  await server.killHard();
  await server.restart();

  // The very first request after the start.
  expect((await server.call("POST", "/route", { json: { tier: "lite" } })).status).toBe(200);
  expect((await server.call("GET", "/media/1")).text).toBe("media");
  expect((await server.call("GET", "/x", { headers })).text).toBe("busy");
  expect((await server.call("GET", "/x")).text).toBe("calm");
  const after = await known(server);
  expect(after.map(lasting)).toEqual(before.map(lasting));
  // Agents go on as if nothing had happened, with the tokens that they hold.
  expect((await agent.report()).status).toBe(200);
  expect((await other.register()).status).toBe(200);
  expect((await new FakeAgent(server, { id: "calm", endpoint: calm.url }).register()).status).toBe(409);
});

test("an orderly stop loses nothing either, without a wait", async () => {
  await using server = await TestServer.start({ config: { sticky_header: "X-S" } });
  await using backend = new HttpBackend({ name: "b" });
  for (let at = 0; at < 50; at++) await FakeAgent.join(server, { id: `b${at}`, endpoint: backend.url });
  expect((await server.stop()).code).toBe(0);
  await server.restart();
  expect(await known(server)).toHaveLength(50);
});

test("the database has the manual's tables and indexes, in WAL mode", async () => {
  await using server = await TestServer.start();
  await FakeAgent.join(server, { id: "b", endpoint: "http://127.0.0.1:9001" });
  expect((await server.stop()).code).toBe(0);
  using database = new Database(join(server.dir, "opsen.db"), { readonly: true });
  const names = database
    .query<{ name: string }, []>("select name from sqlite_master where type in ('table', 'index')")
    .all()
    .map((row) => row.name);
  for (const name of [
    "clients",
    "stats",
    "sticky_assignments",
    "idx_stats_client_time",
    "idx_clients_last_seen",
    "idx_sticky_last_used",
    "idx_sticky_client",
    "idx_sticky_id",
  ]) {
    expect(names).toContain(name);
  }
  expect(database.query("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
  expect(database.query("select count(*) as n from clients").get()).toEqual({ n: 1 });
});

test("a damaged database is an error with its path, not a crash nor an empty start", async () => {
  await using server = await TestServer.start();
  expect((await server.stop()).code).toBe(0);
  for (const suffix of ["-wal", "-shm"]) {
    const path = join(server.dir, `opsen.db${suffix}`);
    if (existsSync(path)) await Bun.file(path).delete();
  }
  await Bun.write(join(server.dir, "opsen.db"), "this is no database at all ".repeat(500));
  const failed = await server.restart().then(
    () => "started",
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
  expect(failed).toContain("opsen.db");
  expect((await server.child.finished()).code).toBe(1);
});

test("agents find a server again that was killed and lost everything", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start({ config: ANY_ROOM });
  await using agent = new TestAgent({
    config: { server_url: server.url, endpoint_url: backend.url, window_minutes: 1 },
  });
  await eventually("a routable agent", async () => (await known(server))[0]?.routable === true);
  const id = string((await known(server))[0]?.client_id);
  expect((await server.call("GET", "/x")).text).toBe("b");

  await server.killHard();
  await server.restart({ database: "another.db" });
  await eventually("the agent again", async () => (await known(server))[0]?.routable === true, 60_000);
  expect((await known(server))[0]?.client_id).toBe(id);
  expect((await server.call("GET", "/x")).text).toBe("b");
  expect(agent.child.running).toBe(true);
  expect(record((await server.call("GET", "/health")).json)).toMatchObject({ active_clients: 1 });
}, 90_000);

/** What a restart may not change. */
function lasting(each: Json): Json {
  const keys = ["client_id", "hostname", "endpoint", "endpoints", "location", "cpu_usage_avg"];
  const more = ["memory_avail_gb", "disk_avail_gb", "last_seen", "routable"];
  return Object.fromEntries([...keys, ...more].map((key) => [key, each[key]]));
}
