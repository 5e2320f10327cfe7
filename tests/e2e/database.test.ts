/** What a database that fails does to the server: nothing that a client notices, and everything told. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { record, records, string } from "../support/json.ts";
import { TestServer } from "../support/server.ts";

const ENDPOINT = "http://127.0.0.1:9001";

async function degraded(server: TestServer): Promise<string | null> {
  const reason = record((await server.call("GET", "/health")).json).degraded;
  const gauge = /^opsen_degraded (\d)$/m.exec((await server.call("GET", "/metrics")).text)?.[1];
  expect(gauge).toBe(reason === undefined ? "0" : "1");
  return reason === undefined ? null : string(reason);
}

async function ids(server: TestServer): Promise<string[]> {
  return records((await server.call("GET", "/clients")).json)
    .map(({ client_id }) => string(client_id))
    .toSorted();
}

/** The disk is full for a process that may write no file; at least for its next write. */
async function limitFiles(server: TestServer, most: "0" | "unlimited"): Promise<void> {
  const { pid } = server.child;
  const child = Bun.spawn(["prlimit", "--pid", String(pid), `--fsize=${most}:unlimited`]);
  expect(await child.exited).toBe(0);
}

function damage(server: TestServer): Promise<number> {
  for (const suffix of ["-wal", "-shm"]) rmSync(join(server.dir, `opsen.db${suffix}`), { force: true });
  return Bun.write(join(server.dir, "opsen.db"), "this is no database at all ".repeat(500));
}

test("what was answered with 200 is there after a kill -9 at once, twenty times over", async () => {
  await using server = await TestServer.start();
  const registered: string[] = [];
  for (let cycle = 0; cycle < 20; cycle++) {
    const wave = Array.from({ length: 1 + (cycle % 4) }, (_, at) => `b-${cycle}-${at}`);
    await Promise.all(
      wave.map(async (id) => {
        expect((await new FakeAgent(server, { id, endpoint: ENDPOINT }).register()).status).toBe(200);
      }),
    );
    registered.push(...wave);
    if (cycle % 5 === 4) {
      const gone = string(registered.shift());
      expect((await server.call("DELETE", `/clients/${gone}`)).status).toBe(204);
    }
    await server.killHard();
    await server.restart();
    expect(await ids(server)).toEqual(registered.toSorted());
  }
  await server.killHard();
  using database = new Database(join(server.dir, "opsen.db"));
  expect(database.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
}, 60_000);

test("a full disk stops neither requests nor registrations, is told, and is got over without a restart", async () => {
  await using cluster = await Cluster.start([{ name: "a" }, { name: "b" }]);
  const { server } = cluster;
  await limitFiles(server, "0");
  const late = new FakeAgent(server, { id: "late", endpoint: ENDPOINT });
  expect((await late.register()).status).toBe(200);
  const reason = await eventually("the failure is told", () => degraded(server));
  expect(reason).toContain("the database cannot be written");
  for (let count = 0; count < 200; count++) expect((await server.call("GET", "/x")).status).toBe(200);
  expect((await cluster.agent("a").report()).status).toBe(200);
  expect(await ids(server)).toEqual(["a", "b", "late"]);

  await limitFiles(server, "unlimited");
  await eventually("it is written again", async () => (await degraded(server)) === null, 20_000);
  await server.killHard();
  await server.restart();
  expect(await ids(server)).toEqual(["a", "b", "late"]);
}, 60_000);

test("a database that another process locks holds nobody up", async () => {
  await using cluster = await Cluster.start([{ name: "a" }]);
  const { server } = cluster;
  {
    using holder = new Database(join(server.dir, "opsen.db"));
    holder.run("BEGIN IMMEDIATE");
    for (let count = 0; count < 5; count++) {
      const agent = new FakeAgent(server, { id: `late-${count}`, endpoint: ENDPOINT });
      expect((await agent.register()).status).toBe(200);
      expect((await server.call("GET", "/x")).status).toBe(200);
    }
    expect(await eventually("the failure is told", () => degraded(server))).toContain("locked");
  }
  await eventually("it is written again", async () => (await degraded(server)) === null, 20_000);
});

test("a database that is deleted under the server is made anew from memory", async () => {
  await using cluster = await Cluster.start([{ name: "a" }, { name: "b" }]);
  const { server } = cluster;
  await server.call("PATCH", "/config", { json: { set: { stale_minutes: 9 } } });
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(server.dir, `opsen.db${suffix}`), { force: true });
  await FakeAgent.join(server, { id: "c", endpoint: ENDPOINT });
  await server.log("the loss is told", ({ message }) => String(message).includes("taken away or replaced"));
  expect(await degraded(server)).toBeNull();
  await server.killHard();
  await server.restart();
  expect(await ids(server)).toEqual(["a", "b", "c"]);
  expect(record(record((await server.call("GET", "/config")).json).config).stale_minutes).toBe(9);
});

test("a damaged database is set aside, never deleted, where the configuration says so", async () => {
  await using server = await TestServer.start({ config: { database_recovery: "start_empty" } });
  await FakeAgent.join(server, { id: "a", endpoint: ENDPOINT });
  await server.stop();
  await damage(server);
  await server.restart();
  expect(await ids(server)).toEqual([]);
  expect(await degraded(server)).toBeNull();
  const [aside] = readdirSync(server.dir).filter((name) => /^opsen\.db\.damaged-\d{8}T\d{6}Z$/.test(name));
  expect(await Bun.file(join(server.dir, aside ?? "")).text()).toStartWith("this is no database");
  await FakeAgent.join(server, { id: "b", endpoint: ENDPOINT });
  await server.restart();
  expect(await ids(server)).toEqual(["b"]);
});

test("a page that is damaged inside is found at the start", async () => {
  await using server = await TestServer.start();
  for (let at = 0; at < 100; at++) {
    await new FakeAgent(server, { id: `b${at}`, endpoint: ENDPOINT, hostname: "h".repeat(200) }).register();
  }
  await server.stop();
  const path = join(server.dir, "opsen.db");
  const bytes = Buffer.from(await Bun.file(path).arrayBuffer());
  const at = bytes.indexOf("hhhhhhhh");
  // The page that holds the first rows: its header says where they are.
  bytes.fill(0xff, at - (at % 4096), at - (at % 4096) + 64);
  await Bun.write(path, bytes);
  const failed = await server.restart().then(
    () => "started",
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
  expect(failed).toContain("damaged; restore it");
  expect((await server.child.finished()).code).toBe(1);
  expect(existsSync(path)).toBe(true);
});

test("without a database that can be had, the server starts only where the configuration says so", async () => {
  const config = { database: "folder/opsen.db" };
  const refusal = await TestServer.start({ config }).then(
    () => "started",
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
  expect(refusal).toContain("its directory does not exist");
  await using server = await TestServer.start({ config: { ...config, database_recovery: "start_empty" } });
  expect(await degraded(server)).toContain("its directory does not exist");
  await FakeAgent.join(server, { id: "a", endpoint: ENDPOINT });
  expect(await ids(server)).toEqual(["a"]);
  await server.restart();
  expect(await ids(server)).toEqual([]);
});
