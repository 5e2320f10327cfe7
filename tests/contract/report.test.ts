/** `POST /stats`: applied, ignored or refused; and what `GET /clients` shows of it. */
import { afterAll, expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { type Json, record, records, string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start();
afterAll(() => server[Symbol.asyncDispose]());

async function client(id: string): Promise<Json> {
  const answer = await server.call("GET", "/clients");
  const found = records(answer.json).find((each) => each.client_id === id);
  return record(found);
}

test("a report is answered with status ok, as JSON", async () => {
  const agent = await FakeAgent.join(server, { id: "r1", endpoint: "http://127.0.0.1:9001" });
  const answer = await agent.report();
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toStartWith("application/json");
  expect(answer.json).toEqual({ status: "ok" });
  await agent.remove();
});

test("a report of an unknown id is 404 and creates nothing", async () => {
  const agent = new FakeAgent(server, { id: "stranger", endpoint: "http://127.0.0.1:9001" });
  const problem = expectProblem(await agent.report(), 404);
  expect(string(problem.detail)).toContain("regist");
  expect((await server.call("GET", "/clients")).json).toEqual([]);
});

test("a report older than the last applied is ignored", async () => {
  const agent = await FakeAgent.join(server, { id: "r2", endpoint: "http://127.0.0.1:9001" });
  const now = Date.now();
  const newer = new Date(now + 1000).toISOString();
  const older = new Date(now - 5000).toISOString();
  expect((await agent.report({ timestamp: newer, memory_used_gb: 20 })).json).toEqual({ status: "ok" });
  const answer = await agent.report({ timestamp: older, memory_used_gb: 60 });
  expect(answer.status).toBe(200);
  const body = record(answer.json);
  expect(body.status).toBe("ignored");
  expect(string(body.detail)).not.toBe("");
  expect(await client("r2")).toMatchObject({ memory_used_gb: 20 });
  await agent.remove();
});

test("a report without a time, or with the zero time, counts as of now", async () => {
  const agent = await FakeAgent.join(server, { id: "r3", endpoint: "http://127.0.0.1:9001" });
  const zero = { timestamp: "0001-01-01T00:00:00Z", memory_used_gb: 30 };
  expect((await agent.report(zero)).json).toEqual({ status: "ok" });
  expect(await client("r3")).toMatchObject({ memory_used_gb: 30, is_active: true });
  const answer = await agent.report({ timestamp: undefined, memory_used_gb: 31 });
  expect(answer.json).toEqual({ status: "ok" });
  expect(await client("r3")).toMatchObject({ memory_used_gb: 31, is_active: true });
  await agent.remove();
});

test("a time far in the future does not silence the reports that follow", async () => {
  const agent = await FakeAgent.join(server, { id: "r4", endpoint: "http://127.0.0.1:9001" });
  await agent.report({ timestamp: "2199-01-01T00:00:00Z", memory_used_gb: 50 });
  expect((await agent.report({ memory_used_gb: 33 })).json).toEqual({ status: "ok" });
  expect(await client("r4")).toMatchObject({ memory_used_gb: 33 });
  await agent.remove();
});

test("times carry any offset and up to nine digits of a second", async () => {
  const agent = await FakeAgent.join(server, { id: "r5", endpoint: "http://127.0.0.1:9001" });
  const at = new Date(Date.now() + 60_000).toISOString().replace("Z", "").slice(0, 19);
  const shifted = new Date(Date.now() + 7_200_000 + 30_000).toISOString().slice(0, 19);
  expect((await agent.report({ timestamp: `${shifted}.123456789+02:00` })).json).toEqual({ status: "ok" });
  expect((await agent.report({ timestamp: `${at}Z` })).json).toEqual({ status: "ok" });
  await agent.remove();
});

test("what was reported decides the next request at once", async () => {
  const agent = await FakeAgent.join(server, { id: "r6", endpoint: "http://127.0.0.1:9001", cores: 2 });
  for (let round = 0; round < 20; round++) {
    expect((await agent.report({ cpu_usage_avg: [99, 99] })).status).toBe(200);
    expect((await server.call("POST", "/route", { json: { tier: "lite" } })).status).toBe(503);
    expect((await agent.report({ cpu_usage_avg: [1, 1] })).status).toBe(200);
    const routed = await server.call("POST", "/route", { json: { tier: "lite" } });
    expect(routed.status).toBe(200);
    const lease = string(record(routed.json).lease_id);
    expect((await server.call("DELETE", `/leases/${lease}`)).status).toBe(204);
  }
  await agent.remove();
});
