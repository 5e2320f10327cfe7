/** What `/health` and `/ping` tell of backends, and to whom. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { array, type Json, record, records } from "../support/json.ts";
import { TestServer } from "../support/server.ts";

const ADMIN = "a".repeat(40);
const READER = "r".repeat(40);
const ROUTER = "o".repeat(40);

async function backendsOf(server: TestServer, path: string, key?: string): Promise<Json[] | null> {
  const answer = await server.call("GET", path, key === undefined ? {} : { headers: { "X-API-Key": key } });
  expect(answer.status).toBe(200);
  const body = record(answer.json);
  expect(body.status).toBe("ok");
  return body.backends === undefined ? null : records(body.backends);
}

test("without keys a caller on this host sees each backend, as other balancers show them", async () => {
  await using backend = new HttpBackend({
    name: "b",
    handle: (request) => new Response("four", { status: request.url.endsWith("/bad") ? 500 : 200 }),
  });
  await using server = await TestServer.start({
    config: { health_check_enabled: true, health_check_interval_seconds: 1 },
  });
  await FakeAgent.join(server, { id: "b", endpoint: backend.url });
  for (const path of ["/a", "/b", "/c", "/bad"]) await server.call("POST", path, { body: "xy" });
  const [entry] = (await backendsOf(server, "/health")) ?? [];
  expect(entry).toMatchObject({
    id: "b",
    address: new URL(backend.url).host,
    url: backend.url,
    healthy: true,
    active_connections: 0,
    total_requests: 4,
    total_errors: 1,
    bytes_in: 8,
    bytes_out: 16,
  });
  expect(["healthy", "unknown"]).toContain(String(entry?.status));
  expect(typeof entry?.latency_ms).toBe("number");
  expect(Number(entry?.error_rate)).toBeGreaterThanOrEqual(0);
  expect(Number(entry?.error_rate)).toBeLessThanOrEqual(1);
  expect(Math.abs(Date.parse(String(entry?.last_request)) - Date.now())).toBeLessThan(60_000);
  const body = record((await server.call("GET", "/ping")).json);
  expect(body).toMatchObject({ total_requests: 4, total_errors: 1, total_clients: 1 });
  expect(array(body.backends)).toHaveLength(1);
});

test("with keys only those that may read see them, and a wrong one is counted", async () => {
  await using server = await TestServer.start({
    config: {
      server_key: ADMIN,
      api_keys: [
        { key: READER, scopes: ["read"] },
        { key: ROUTER, scopes: ["route"] },
      ],
    },
  });
  for (const path of ["/health", "/ping"]) {
    expect(await backendsOf(server, path)).toBeNull();
    expect(await backendsOf(server, path, ROUTER)).toBeNull();
    expect(await backendsOf(server, path, READER)).toEqual([]);
    expect(await backendsOf(server, path, ADMIN)).toEqual([]);
  }
  // More wrong keys than may come at once: a right one is then no better than none.
  for (let guess = 0; guess < 30; guess++)
    expect(await backendsOf(server, "/health", `guess-${guess}`)).toBeNull();
  expect(await backendsOf(server, "/health", READER)).toBeNull();
  expect((await server.call("GET", "/clients", { headers: { "X-API-Key": READER } })).status).toBe(429);
});

test("a caller cannot say by a header that it may see them", async () => {
  await using server = await TestServer.start({ config: { server_key: ADMIN } });
  const answer = await server.call("GET", "/health", { headers: { "X-Opsen-Reader": "1" } });
  expect(record(answer.json).backends).toBeUndefined();
});

test("a draining backend is told as such", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start();
  await FakeAgent.join(server, { id: "b", endpoint: backend.url });
  await server.call("POST", "/clients/b/drain");
  const [entry] = (await backendsOf(server, "/health")) ?? [];
  expect(entry).toMatchObject({ status: "draining", healthy: false });
});
