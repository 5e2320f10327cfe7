/** `GET /clients`: the original's strings to the letter, and the numbers beside them. */
import { afterAll, expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { type Json, number, record, records, string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start();
afterAll(() => server[Symbol.asyncDispose]());

const RFC3339_SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/;

async function clients(query = ""): Promise<Json[]> {
  const answer = await server.call("GET", `/clients${query}`);
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toStartWith("application/json");
  return records(answer.json);
}

async function only(): Promise<Json> {
  const [first] = await clients();
  return record(first);
}

test("no backends is an empty array", async () => {
  expect(await clients()).toEqual([]);
});

test("a registered backend without a report is listed, inactive for routing, with a reason", async () => {
  const agent = new FakeAgent(server, { id: "c0", endpoint: "http://127.0.0.1:9001" });
  await agent.register();
  const shown = await only();
  expect(shown).toMatchObject({ client_id: "c0", routable: false, in_flight: 0, leases: 0 });
  expect(string(shown.reason)).not.toBe("");
  await agent.remove();
});

test("every field of the original has its format", async () => {
  const agent = await FakeAgent.join(server, {
    id: "c1",
    hostname: "box-1",
    endpoint: "http://127.0.0.1:9001",
    cpu: [12.5, 0, 99.96, 7.04],
    memoryTotalGb: 32,
    memoryAvailGb: 24,
    diskTotalGb: 500.26,
    diskAvailGb: 400,
  });
  const shown = await only();
  expect(shown).toMatchObject({
    client_id: "c1",
    hostname: "box-1",
    endpoint: "http://127.0.0.1:9001",
    location: "Amsterdam, NL",
    cpu_cores: 4,
    cpu_usage: ["12.5%", "0.0%", "100.0%", "7.0%"],
    memory_gb: "8.0/32.0",
    disk_gb: "100.3/500.3",
    is_active: true,
    health_status: "unknown",
    last_health_check: "0001-01-01T00:00:00Z",
    latency_ms: "0.0",
  });
  expect(string(shown.last_seen)).toMatch(RFC3339_SECONDS);
  expect(Math.abs(Date.parse(string(shown.last_seen)) - Date.now())).toBeLessThan(60_000);
  expect(shown).not.toContainAnyKeys(["total_gpus", "gpu_models", "gpu_stats"]);
  await agent.remove();
});

test("the numbers are as reported", async () => {
  const agent = await FakeAgent.join(server, {
    id: "c2",
    endpoints: [
      { url: "http://127.0.0.1:9001", paths: ["/api"] },
      { url: "http://127.0.0.1:9002", paths: ["/*"] },
    ],
    cpu: [12.5, 50],
    memoryTotalGb: 32,
    memoryAvailGb: 24,
    diskTotalGb: 500,
    diskAvailGb: 400,
  });
  expect(await only()).toMatchObject({
    endpoint: "http://127.0.0.1:9001",
    endpoints: [
      { url: "http://127.0.0.1:9001", paths: ["/api"] },
      { url: "http://127.0.0.1:9002", paths: ["/*"] },
    ],
    cpu_usage_avg: [12.5, 50],
    memory_total_gb: 32,
    memory_used_gb: 8,
    memory_avail_gb: 24,
    disk_total_gb: 500,
    disk_used_gb: 100,
    disk_avail_gb: 400,
    in_flight: 0,
    leases: 0,
    routable: true,
    reason: null,
  });
  await agent.remove();
});

test("GPUs are shown in the original's strings and as reported", async () => {
  const gpus = [
    {
      device_id: 0,
      name: "A100",
      utilization_pct: 45.5,
      memory_used_gb: 32.5,
      memory_total_gb: 80,
      temperature_c: 65,
      power_draw_w: 250,
    },
    {
      device_id: 1,
      name: "A100",
      utilization_pct: 0,
      memory_used_gb: 0,
      memory_total_gb: 80,
      temperature_c: 40,
    },
  ];
  const agent = await FakeAgent.join(server, { id: "c3", endpoint: "http://127.0.0.1:9001", gpus });
  const shown = await only();
  expect(shown).toMatchObject({ total_gpus: 2, gpu_models: ["A100", "A100"], gpus });
  const [first, second] = records(shown.gpu_stats);
  expect(first).toEqual({
    device_id: 0,
    name: "A100",
    utilization: "45.5%",
    vram: "32.5/80.0 GB",
    temperature: "65°C",
    power_draw: "250W",
  });
  expect(second).toMatchObject({
    device_id: 1,
    utilization: "0.0%",
    vram: "0.0/80.0 GB",
    temperature: "40°C",
  });
  expect(second).not.toContainKey("power_draw");
  await agent.remove();
});

test("leases and their count show up", async () => {
  const agent = await FakeAgent.join(server, { id: "c4", endpoint: "http://127.0.0.1:9001" });
  const routed = record((await server.call("POST", "/route", { json: { tier: "lite" } })).json);
  expect(number((await only()).leases)).toBe(1);
  await server.call("DELETE", `/leases/${string(routed.lease_id)}`);
  expect(number((await only()).leases)).toBe(0);
  await agent.remove();
});

test("active_only filters by the last report, and only for the word true", async () => {
  const agent = await FakeAgent.join(server, { id: "c5", endpoint: "http://127.0.0.1:9001" });
  expect(await clients("?active_only=true")).toHaveLength(1);
  expect(await clients("?active_only=1")).toHaveLength(1);
  await agent.remove();
});

test("markup in names is harmless: the answer is JSON that is not sniffed", async () => {
  const agent = await FakeAgent.join(server, {
    id: "c6",
    hostname: "<script>alert(1)</script>",
    endpoint: "http://127.0.0.1:9001",
  });
  const answer = await server.call("GET", "/clients");
  expect(answer.header("x-content-type-options")).toBe("nosniff");
  expect(records(answer.json)[0]?.hostname).toBe("<script>alert(1)</script>");
  await agent.remove();
});

test("purge removes only stale backends and counts them", async () => {
  const agent = await FakeAgent.join(server, { id: "c7", endpoint: "http://127.0.0.1:9001" });
  for (const method of ["POST", "DELETE"]) {
    const answer = await server.call(method, "/clients/purge");
    expect(answer.status).toBe(200);
    const body = record(answer.json);
    expect(body).toMatchObject({ status: "success", cache_purged: 0 });
    expect(number(body.purged)).toBe(number(body.cache_purged) + number(body.db_purged));
    expect(Number.isNaN(Date.parse(string(body.timestamp)))).toBe(false);
  }
  expect(await clients()).toHaveLength(1);
  expectProblem(await server.call("GET", "/clients/purge"), 405);
  await agent.remove();
});

test("purge-pending drops every reservation", async () => {
  const agent = await FakeAgent.join(server, { id: "c8", endpoint: "http://127.0.0.1:9001", cores: 2 });
  for (let count = 0; count < 2; count++) {
    expect((await server.call("POST", "/route", { json: { tier: "lite" } })).status).toBe(200);
  }
  expect((await server.call("POST", "/route", { json: { tier: "lite" } })).status).toBe(503);
  const answer = await server.call("POST", "/clients/purge-pending");
  expect(answer.status).toBe(200);
  expect(record(answer.json)).toMatchObject({ purged: 2, status: "success" });
  expect(record((await server.call("GET", "/leases")).json)).toEqual({ total: 0, leases: [] });
  expect((await server.call("POST", "/route", { json: { tier: "lite" } })).status).toBe(200);
  expect(record((await server.call("DELETE", "/clients/purge-pending")).json)).toMatchObject({ purged: 1 });
  expectProblem(await server.call("GET", "/clients/purge-pending"), 405);
  await agent.remove();
});
