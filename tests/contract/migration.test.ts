/** `/migrations`: what is asked and answered; what becomes of requests is in tests/e2e/migration.test.ts. */
import { expect, test } from "bun:test";
import { TestAgent } from "../support/agent.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { type Json, record, records } from "../support/json.ts";
import { expectFieldError, expectProblem } from "../support/problem.ts";
import type { Answer } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const BETWEEN = { from: "blue", to: "green" };

async function start(config: Json = {}): Promise<TestServer> {
  const server = await TestServer.start({ config });
  for (const [id, tags] of [
    ["b", ["blue"]],
    ["g", ["green"]],
    ["x", ["blue", "mixed"]],
  ] as const) {
    await FakeAgent.join(server, { id, endpoint: "http://127.0.0.1:9", tags });
  }
  return server;
}

function begin(server: TestServer, body: Json = BETWEEN): Promise<Answer> {
  return server.call("POST", "/migrations", { json: body });
}

test("a migration is begun, listed, shown, reported on and changed", async () => {
  await using server = await start({ migration_defaults: { hold_seconds: 40 } });
  expect((await server.call("GET", "/migrations")).json).toEqual({ migrations: [] });
  await server.call("PATCH", "/backends/x", { json: { tags: ["eu", "blue"] } });
  const backends = records(record((await server.call("GET", "/backends")).json).backends);
  expect(backends.map(({ tags }) => tags)).toEqual([["blue"], ["green"], ["eu", "blue", "mixed"]]);
  const begun = await begin(server, { ...BETWEEN, stages: [0.5, 100], split_by: "client" });
  expect(begun.status).toBe(201);
  expect(record(begun.json)).toMatchObject({
    id: 1,
    ...BETWEEN,
    status: "running",
    reason: null,
    share_percent: 0.5,
    stage: 1,
    stages: [0.5, 100],
    waits_for_traffic: false,
    ended_at: null,
    released: false,
    options: { hold_seconds: 40, split_by: "client", sessions: "stay", min_requests: 50 },
    reports: [{ decision: null, measured_percent: null, to: { requests: 0, error_rate_percent: null } }],
  });
  const steps = [
    ["pause", { status: "paused", share_percent: 0.5 }],
    ["resume", { status: "running", stage: 1 }],
    ["advance", { status: "running", stage: 2, share_percent: 100 }],
    ["abort", { status: "aborted", share_percent: 0, stage: null }],
    ["release", { status: "aborted", released: true }],
  ] as const;
  for (const [action, expected] of steps) {
    const answer = await server.call("POST", `/migrations/1/${action}`);
    expect([action, answer.status]).toEqual([action, 200]);
    expect(record(answer.json)).toMatchObject(expected);
  }
  const shown = record((await server.call("GET", "/migrations/1")).json);
  expect(records(shown.reports).map(({ decision }) => decision)).toEqual([
    "paused",
    "resumed",
    "advanced",
    "aborted",
  ]);
  expect(records(record((await server.call("GET", "/migrations")).json).migrations)).toEqual([shown]);
  expect((await server.call("GET", "/migrations?limit=0")).json).toEqual({ migrations: [] });
  expectFieldError(await server.call("GET", "/migrations?limit=all"), "limit");
  const report = await server.call("GET", "/migrations/1/report");
  expect([report.status, report.header("content-type")]).toEqual([200, "text/markdown; charset=utf-8"]);
  expect(report.text).toStartWith("# Migration 1: blue → green\n");
});

test("what cannot be begun is refused, with every reason at once, and nothing changes", async () => {
  await using server = await start();
  const bad: readonly (readonly [Json, readonly string[]])[] = [
    [{}, ["from", "to"]],
    [{ from: "", to: "two words" }, ["from", "to"]],
    [{ from: "blue", to: "blue" }, ["to"]],
    [{ from: "pink", to: "gray" }, ["from", "to"]],
    [{ from: "blue", to: "mixed" }, ["to"]],
    [{ ...BETWEEN, stages: [1, 50] }, ["stages"]],
    [{ ...BETWEEN, stages: [50, 50, 100] }, ["stages"]],
    [{ ...BETWEEN, stages: [] }, ["stages"]],
    [{ ...BETWEEN, stages: [0, 100] }, ["stages[0]"]],
    [{ ...BETWEEN, hold_seconds: 0.5 }, ["hold_seconds"]],
    [{ ...BETWEEN, min_requests: 0, max_latency_ratio: -1 }, ["min_requests", "max_latency_ratio"]],
    [{ ...BETWEEN, on_too_little_traffic: "hope", sessions: "die" }, ["on_too_little_traffic", "sessions"]],
    [{ ...BETWEEN, max_eror_rate_percent: 1 }, ["max_eror_rate_percent"]],
  ];
  for (const [body, fields] of bad) {
    const answer = await begin(server, body);
    for (const field of fields) expectFieldError(answer, field);
  }
  expectProblem(
    await server.call("POST", "/migrations", { body: "{", headers: { "Content-Type": "application/json" } }),
    400,
  );
  expect((await server.call("GET", "/migrations")).json).toEqual({ migrations: [] });
});

test("only one is under way, and what has ended or never was cannot be changed", async () => {
  await using server = await start();
  expect((await begin(server)).status).toBe(201);
  expect(expectProblem(await begin(server), 409).detail).toBe(
    "migration 1 (blue to green) is running; only one can be under way: wait for its end, or abort it.",
  );
  expectProblem(await server.call("POST", "/migrations/1/resume"), 409);
  expectProblem(await server.call("POST", "/migrations/1/release"), 409);
  await server.call("POST", "/migrations/1/abort");
  for (const action of ["pause", "resume", "advance", "abort"]) {
    const { detail } = expectProblem(await server.call("POST", `/migrations/1/${action}`), 409);
    expect(detail).toBe("Migration 1 cannot do that: the migration has ended (aborted).");
  }
  for (const id of ["2", "0", "x", "1e0", "99999999999999999999"]) {
    expectProblem(await server.call("GET", `/migrations/${id}`), 404);
    expectProblem(await server.call("GET", `/migrations/${id}/report`), 404);
    expectProblem(await server.call("POST", `/migrations/${id}/abort`), 404);
  }
  expectProblem(await server.call("DELETE", "/migrations/1"), 405);
  expectProblem(await server.call("GET", "/migrations/1/abort"), 405);
  expect((await begin(server)).status).toBe(201);
});

test("/route and its explanation go by it, and say so", async () => {
  await using server = await start({ sticky_header: "X-Session" });
  await begin(server, { ...BETWEEN, paused: true });
  const explained = record((await server.call("POST", "/route/explain", { json: {} })).json);
  const reasons = new Map(records(explained.backends).map((each) => [each.client_id, each.reason]));
  expect(reasons.get("b")).toBeNull();
  expect(reasons.get("g")).toBe("migration: not for this request; the new group gets 0 % of them");
  await server.call("POST", "/migrations/1/resume");
  for (let stage = 1; stage < 5; stage++) await server.call("POST", "/migrations/1/advance");
  const routed = record((await server.call("POST", "/route", { json: {} })).json);
  expect(routed.client_id).toBe("g");
  const metrics = await server.call("GET", "/metrics");
  expect(metrics.text).toContain("opsen_migration_fallbacks_total 0\n");
});

test("backends without an agent are in groups too, and change them while a migration runs; the audit log tells who did it", async () => {
  await using server = await TestServer.start({
    config: { backends: [{ id: "old", url: "http://127.0.0.1:9", tags: ["blue"] }] },
  });
  const added = await server.call("POST", "/backends", {
    json: { id: "new", url: "http://127.0.0.1:9", tags: ["green"] },
  });
  expect(added.status).toBe(201);
  const removedBy = async (id: string): Promise<unknown> => {
    const explained = record((await server.call("POST", "/route/explain", { json: {} })).json);
    return records(explained.backends).find((each) => each.client_id === id)?.reason;
  };
  const filtered = "migration: not for this request; the new group gets 0 % of them";
  expect((await begin(server, { ...BETWEEN, paused: true })).status).toBe(201);
  expect([await removedBy("old"), await removedBy("new")]).toEqual([null, filtered]);
  expect((await server.call("PATCH", "/backends/new", { json: { tags: ["red"] } })).status).toBe(200);
  expect([await removedBy("old"), await removedBy("new")]).toEqual([null, null]);
  expect((await server.call("PATCH", "/backends/new", { json: { tags: ["green"] } })).status).toBe(200);
  expect(await removedBy("new")).toBe(filtered);
  // Both are the new group's: requests go there all the same, as to the only one that can take them.
  expect((await server.call("PATCH", "/backends/old", { json: { tags: ["green"] } })).status).toBe(200);
  expect(record((await server.call("POST", "/route/explain", { json: {} })).json).chosen).not.toBeNull();
  await server.call("POST", "/migrations/1/abort");
  const audit = records(record((await server.call("GET", "/audit")).json).entries);
  const ours = audit.filter(({ action }) => String(action).endsWith(" migration"));
  expect(ours.map(({ actor, action, target }) => [actor, action, target])).toEqual([
    ["local", "abort migration", "1 (blue to green)"],
    ["local", "begin migration", "1 (blue to green)"],
  ]);
  expect(ours[0]?.changes).toEqual([{ key: "status", from: "paused", to: "aborted" }]);
});

test("an agent names the groups of its backend", async () => {
  await using server = await TestServer.start();
  await using agent = new TestAgent({ config: { server_url: server.url, tags: ["green", "eu"] } });
  const shown = await eventually("the backend of the agent", async () => {
    return records(record((await server.call("GET", "/backends")).json).backends)[0];
  });
  expect(shown.tags).toEqual(["green", "eu"]);
  expect(agent.child.running).toBe(true);
});
