/** Migrations between groups of backends, with real requests. */
import { expect, test } from "bun:test";
import { Cluster, type Member } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type Json, record, records, string } from "../support/json.ts";
import type { TestServer } from "../support/server.ts";
import { Traffic } from "../support/traffic.ts";

const CONFIG = {
  sticky_header: "X-Session",
  workers: 2,
  migration_defaults: { hold_seconds: 2, min_requests: 20, unroutable_seconds: 2 },
};
const OLD: Member[] = [
  { name: "blue-1", agent: { tags: ["blue"], cores: 64 } },
  { name: "blue-2", agent: { tags: ["blue", "eu"], cores: 64 } },
];
const ENDED = ["completed", "rolled_back", "aborted"];
const DEADLINE_MS = 60_000;

function green(handle?: Member["handle"]): Member {
  return { name: "green-1", agent: { tags: ["green"], cores: 64 }, ...(handle && { handle }) };
}

async function answerLate(): Promise<Response> {
  await Bun.sleep(60);
  return new Response("green-1");
}

async function begin(server: TestServer, options: Json = {}): Promise<string> {
  const answer = await server.call("POST", "/migrations", {
    json: { from: "blue", to: "green", ...options },
  });
  expect([answer.status, answer.text]).toEqual([201, answer.text]);
  return `/migrations/${String(record(answer.json).id)}`;
}

async function show(server: TestServer, path: string): Promise<Json> {
  return record((await server.call("GET", path)).json);
}

function until(
  server: TestServer,
  path: string,
  what: string,
  holds: (shown: Json) => boolean,
): Promise<Json> {
  const probe = async (): Promise<Json | null> => {
    const shown = await show(server, path);
    return holds(shown) ? shown : null;
  };
  return eventually(what, probe, DEADLINE_MS);
}

function ended(server: TestServer, path: string): Promise<Json> {
  return until(server, path, "the end of the migration", ({ status }) => ENDED.includes(string(status)));
}

function requests(part: Json, group: "from" | "to"): number {
  return Number(record(part[group]).requests);
}

test("a good group takes over stage by stage, with the share of each stage, and no request fails", async () => {
  await using cluster = await Cluster.start([...OLD, green()], { config: CONFIG });
  const { server } = cluster;
  const path = await begin(server, { stages: [5, 25, 50, 100] });
  await using traffic = new Traffic(server);
  const shown = await ended(server, path);
  await traffic.stop();
  expect([shown.status, shown.share_percent]).toEqual(["completed", 100]);
  const parts = records(shown.reports);
  expect(parts.map((part) => [part.share_percent, part.decision])).toEqual([
    [5, "go"],
    [25, "go"],
    [50, "go"],
    [100, "go"],
  ]);
  for (const part of parts) {
    // Of each worker's sequence a request or two may be off, and those on their way when a stage ends count for the next.
    const all = requests(part, "from") + requests(part, "to");
    const off = Math.abs(requests(part, "to") - (Number(part.share_percent) / 100) * all);
    expect(off).toBeLessThan(16);
    expect(part.fallbacks).toBe(0);
    // Timers may be a millisecond early.
    expect(Number(part.seconds)).toBeGreaterThanOrEqual(1.99);
  }
  expect(traffic.failures).toEqual([]);
  const before = cluster.backend("blue-1").hits + cluster.backend("blue-2").hits;
  await using later = new Traffic(server);
  await eventually("answers after the end", () => later.by("green-1") > 100, DEADLINE_MS);
  await later.stop();
  expect(cluster.backend("blue-1").hits + cluster.backend("blue-2").hits).toBe(before);
  const report = await server.call("GET", `${path}/report`);
  expect(report.header("content-type")).toBe("text/markdown; charset=utf-8");
  expect(report.text.split("\n").filter((line) => line.includes("new (green)"))).toHaveLength(4);
  // The old group is what there is when nothing else is left.
  await server.call("POST", "/clients/green-1/drain");
  expect((await server.call("GET", "/")).text).toStartWith("blue-");
}, 90_000);

test("a group with 5 % errors is rolled back, and the old one has all requests again", async () => {
  let answers = 0;
  const handle = (): Response =>
    ++answers % 20 === 0 ? new Response("broken", { status: 500 }) : new Response("green-1");
  await using cluster = await Cluster.start([...OLD, green(handle)], { config: CONFIG });
  const { server } = cluster;
  const path = await begin(server, { stages: [20, 100], hold_seconds: 30 });
  await using traffic = new Traffic(server);
  const shown = await ended(server, path);
  await traffic.stop();
  expect([shown.status, shown.share_percent]).toEqual(["rolled_back", 0]);
  expect(string(shown.reason)).toStartWith("error rate ");
  // Proven long before the stage would have ended.
  expect(Number(records(shown.reports)[0]?.seconds)).toBeLessThan(30);
  // Nothing failed but what the new group answered.
  expect(new Set(traffic.failures)).toEqual(new Set(["500 broken"]));
  const hits = cluster.backend("green-1").hits;
  await using later = new Traffic(server);
  await eventually("answers after the end", () => later.by("blue-1") + later.by("blue-2") > 100, DEADLINE_MS);
  await later.stop();
  expect([later.failures, cluster.backend("green-1").hits]).toEqual([[], hits]);
  const line = await server.log(
    "the roll-back",
    ({ message }) => message === "a migration has ended: rolled back",
  );
  expect(line.data).toMatchObject({ from: "blue", to: "green", share_percent: 0 });
}, 90_000);

test("a slow group is rolled back by comparison with the old one at the same time", async () => {
  await using cluster = await Cluster.start([...OLD, green(answerLate)], { config: CONFIG });
  const { server } = cluster;
  const path = await begin(server, { stages: [25, 100] });
  await using traffic = new Traffic(server);
  const shown = await ended(server, path);
  await traffic.stop();
  expect(shown.status).toBe("rolled_back");
  expect(string(shown.reason)).toContain("of the old group: more than max_latency_ratio");
  expect(traffic.failures).toEqual([]);
}, 90_000);

test("a group that goes away is rolled back; its requests go to the old one meanwhile", async () => {
  await using cluster = await Cluster.start([...OLD, green()], { config: CONFIG });
  const { server } = cluster;
  // So many that on a busy machine no latency is judged before.
  const path = await begin(server, { stages: [50, 100], hold_seconds: 30, min_requests: 100_000 });
  await using traffic = new Traffic(server);
  await eventually("answers of the new group", () => traffic.by("green-1") > 20, DEADLINE_MS);
  await server.call("POST", "/clients/green-1/drain");
  const shown = await ended(server, path);
  await traffic.stop();
  expect(shown.reason).toBe("no backend of the new group takes requests, for 2 s (unroutable_seconds)");
  expect(Number(records(shown.reports)[0]?.fallbacks)).toBeGreaterThan(20);
  expect(traffic.failures).toEqual([]);
}, 90_000);

test("it is paused, resumed and advanced by hand, and begins with nothing when it is asked to", async () => {
  await using cluster = await Cluster.start([...OLD, green()], { config: CONFIG });
  const { server } = cluster;
  const path = await begin(server, { stages: [50, 100], paused: true });
  await using traffic = new Traffic(server);
  await eventually(
    "answers of the old group",
    () => traffic.by("blue-1") + traffic.by("blue-2") > 200,
    DEADLINE_MS,
  );
  expect([cluster.backend("green-1").hits, (await show(server, path)).status]).toEqual([0, "paused"]);
  expect((await server.call("POST", `${path}/resume`)).status).toBe(200);
  await eventually("answers of the new group", () => traffic.by("green-1") > 20, DEADLINE_MS);
  expect(record((await server.call("POST", `${path}/pause`)).json)).toMatchObject({
    status: "paused",
    share_percent: 50,
  });
  const paused = traffic.by("green-1");
  await eventually("answers during the pause", () => traffic.by("green-1") > paused + 400, DEADLINE_MS);
  expect((await show(server, path)).status).toBe("paused");
  await server.call("POST", `${path}/resume`);
  expect(record((await server.call("POST", `${path}/advance`)).json)).toMatchObject({
    stage: 2,
    share_percent: 100,
  });
  const shown = await ended(server, path);
  await traffic.stop();
  expect(shown.status).toBe("completed");
  expect(records(shown.reports).map(({ decision }) => decision)).toEqual([
    "resumed",
    "paused",
    "resumed",
    "advanced",
    "go",
  ]);
  expect(traffic.failures).toEqual([]);
}, 90_000);

test("after a crash it goes on with its stage, and an ended one stays in force", async () => {
  await using cluster = await Cluster.start([...OLD, green()], { config: CONFIG });
  const { server } = cluster;
  const path = await begin(server, { stages: [10, 60, 100], hold_seconds: 3 });
  {
    await using traffic = new Traffic(server);
    await until(server, path, "the second stage", ({ stage }) => stage === 2);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  }
  await server.killHard();
  await server.restart();
  expect(await show(server, path)).toMatchObject({ status: "running", stage: 2, share_percent: 60 });
  {
    await using traffic = new Traffic(server);
    const shown = await ended(server, path);
    await traffic.stop();
    expect(shown.status).toBe("completed");
    expect(records(shown.reports).map(({ decision }) => decision)).toEqual(["go", "restarted", "go", "go"]);
    expect(traffic.failures).toEqual([]);
  }
  await server.killHard();
  await server.restart();
  await using traffic = new Traffic(server);
  await eventually("answers", () => traffic.by("green-1") > 100, DEADLINE_MS);
  await traffic.stop();
  expect([traffic.by("blue-1"), traffic.by("blue-2"), traffic.failures]).toEqual([0, 0, []]);
  // The other way round, it is as if there had been none.
  const back = await server.call("POST", "/migrations", {
    json: { from: "green", to: "blue", stages: [50, 100] },
  });
  expect(back.status).toBe(201);
  await using again = new Traffic(server);
  await eventually(
    "answers of both",
    () => again.by("green-1") > 50 && again.by("blue-1") + again.by("blue-2") > 50,
    DEADLINE_MS,
  );
  await again.stop();
  expect(again.failures).toEqual([]);
}, 120_000);

test("sessions stay with the old group until the last stage, new ones go where their turn says", async () => {
  await using cluster = await Cluster.start([...OLD, green()], { config: CONFIG });
  const { server } = cluster;
  const ask = async (session: string): Promise<string> =>
    (await server.call("GET", "/", { headers: { "X-Session": session } })).text;
  const path = await begin(server, { stages: [50, 100], paused: true });
  const olds = new Map<string, string>();
  for (let id = 0; id < 20; id++) olds.set(`old-${id}`, await ask(`old-${id}`));
  expect([...olds.values()].filter((name) => name.startsWith("blue-"))).toHaveLength(20);
  await server.call("POST", `${path}/resume`);
  const fresh = new Map<string, string>();
  for (let id = 0; id < 60; id++) fresh.set(`new-${id}`, await ask(`new-${id}`));
  const moved = [...fresh.values()].filter((name) => name === "green-1").length;
  expect(moved).toBeGreaterThan(15);
  expect(moved).toBeLessThan(45);
  for (const [session, name] of [...olds, ...fresh]) expect(await ask(session)).toBe(name);
  await server.call("POST", `${path}/advance`);
  for (const session of olds.keys()) expect(await ask(session)).toBe("green-1");
  await server.call("POST", `${path}/abort`);
  for (const session of fresh.keys()) expect(await ask(session)).toStartWith("blue-");
}, 60_000);
