/** `POST /route`, `POST /route/explain` and the leases that routing takes. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { type Json, number, record, records, string } from "../support/json.ts";
import { expectFieldError, expectProblem } from "../support/problem.ts";
import type { Answer } from "../support/raw-client.ts";
import { seeded } from "../support/seeded.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({
  config: { sticky_header: "X-Session-ID", pending_allocation_timeout_seconds: 90 },
});
afterAll(() => server[Symbol.asyncDispose]());

const agents: FakeAgent[] = [];
afterEach(async () => {
  for (const each of agents.splice(0)) await each.remove();
});

async function join(options: ConstructorParameters<typeof FakeAgent>[1]): Promise<FakeAgent> {
  const agent = await FakeAgent.join(server, { endpoint: "http://127.0.0.1:9001", ...options });
  agents.push(agent);
  return agent;
}

function route(json: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return server.call("POST", "/route", { json, headers });
}

async function leases(): Promise<Json[]> {
  const body = record((await server.call("GET", "/leases")).json);
  const list = records(body.leases);
  expect(number(body.total)).toBe(list.length);
  return list;
}

test("an answer names backend, endpoint, host, lease and how long it lasts", async () => {
  await join({ id: "n1", hostname: "box" });
  const answer = await route({ tier: "lite" });
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toStartWith("application/json");
  const body = record(answer.json);
  expect(body).toMatchObject({ client_id: "n1", endpoint: "http://127.0.0.1:9001", hostname: "box" });
  expect(string(body.lease_id)).toMatch(/^[A-Za-z0-9_-]{8,}$/);
  expect(number(body.expires_in_seconds)).toBeLessThanOrEqual(90);
  expect(number(body.expires_in_seconds)).toBeGreaterThan(80);
  expect(body).not.toContainKey("distance_km");
});

test("the distance is the great circle, and absent when either place is unknown", async () => {
  await join({ id: "n2", latitude: 48.8566, longitude: 2.3522 });
  const body = record((await route({ tier: "lite", client_lat: 51.5074, client_lon: -0.1278 })).json);
  // Paris to London by the haversine with R = 6371 km: 343.6 km.
  expect(number(body.distance_km)).toBeCloseTo(343.56, 1);
  expect(record((await route({ tier: "lite" })).json)).not.toContainKey("distance_km");
});

test("a place on the equator is a place; (0, 0) is none", async () => {
  const agent = await join({ id: "n3", latitude: 0, longitude: 10 });
  const known = record((await route({ tier: "lite", client_lat: 0, client_lon: 11 })).json);
  expect(number(known.distance_km)).toBeCloseTo((6371 * Math.PI) / 180, 1);
  await agent.register({ latitude: 0, longitude: 0 });
  const unknown = record((await route({ tier: "lite", client_lat: 0, client_lon: 11 })).json);
  expect(unknown).not.toContainKey("distance_km");
});

test("no tier means the default tier", async () => {
  await join({ id: "n4" });
  expect((await route({})).status).toBe(200);
  expect((await leases())[0]?.tier).toBe("lite");
});

test("an unknown tier is a 400 that names the field", async () => {
  await join({ id: "n5" });
  expectFieldError(await route({ tier: "gigantic" }), "tier");
  expectFieldError(await server.call("POST", "/route/explain", { json: { tier: "gigantic" } }), "tier");
  expect(await leases()).toEqual([]);
});

test("all ten tiers are known by default", async () => {
  const tiers = ["free", "lite", "pro-standard", "pro-turbo", "pro-max", "small", "medium", "large"];
  await join({ id: "n6", cores: 64, memoryTotalGb: 512, memoryAvailGb: 500, diskAvailGb: 400 });
  for (const tier of tiers) expect((await route({ tier })).status).toBe(200);
  for (const tier of ["gpu-inference", "gpu-training"]) expect((await route({ tier })).status).toBe(503);
});

test("without room it is a 503 with Retry-After that counts what each filter removed", async () => {
  const none = expectProblem(await route({ tier: "lite" }), 503);
  expect(string(none.detail)).not.toBe("");
  await join({ id: "n7", cpu: [95, 95] });
  await join({ id: "n8", memoryAvailGb: 0.5 });
  const refused = await route({ tier: "lite" });
  expect(refused.header("retry-after")).toMatch(/^[1-9]\d*$/);
  const detail = string(expectProblem(refused, 503).detail);
  expect(detail).toMatch(/cpu/i);
  expect(detail).toMatch(/memory/i);
  expect(detail).toMatch(/1/);
});

test("capacity is counted out exactly and comes back with a release", async () => {
  await join({ id: "n9", cores: 3 });
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) {
    ids.push(string(record((await route({ tier: "lite" })).json).lease_id));
  }
  expect(new Set(ids).size).toBe(3);
  expect((await route({ tier: "lite" })).status).toBe(503);
  const listed = (await leases()).map((each) => string(each.lease_id));
  expect(new Set(listed)).toEqual(new Set(ids));
  expect((await server.call("DELETE", `/leases/${ids[1]}`)).status).toBe(204);
  expectProblem(await server.call("DELETE", `/leases/${ids[1]}`), 404);
  expect((await route({ tier: "lite" })).status).toBe(200);
  expect((await route({ tier: "lite" })).status).toBe(503);
});

test("a lease is listed with every field, renewed by PUT and unknown ids are 404", async () => {
  await join({ id: "n10" });
  const id = string(record((await route({ tier: "medium" })).json).lease_id);
  const [listed] = await leases();
  expect(listed).toMatchObject({ lease_id: id, client_id: "n10", tier: "medium", kind: "route" });
  expect(number(listed?.held_seconds)).toBeGreaterThanOrEqual(0);
  expect(number(listed?.expires_in_seconds)).toBeGreaterThan(80);
  const renewed = await server.call("PUT", `/leases/${id}`);
  expect(renewed.status).toBe(200);
  expect(record(renewed.json)).toMatchObject({
    lease_id: id,
    client_id: "n10",
    tier: "medium",
    kind: "route",
  });
  for (const method of ["PUT", "DELETE"]) {
    for (const unknown of ["0", "ffffffffffffffff", "nonsense", "%00", `${id}0`]) {
      expectProblem(await server.call(method, `/leases/${unknown}`), 404);
    }
  }
});

test("removing a backend takes its leases along", async () => {
  const agent = await join({ id: "n11" });
  const id = string(record((await route({ tier: "lite" })).json).lease_id);
  await agent.remove();
  expect(await leases()).toEqual([]);
  expectProblem(await server.call("PUT", `/leases/${id}`), 404);
  expect((await route({ tier: "lite" })).status).toBe(503);
});

test("a sticky session repeats its backend and lease and needs no new room", async () => {
  await join({ id: "n12", cores: 1 });
  await join({ id: "n13", cores: 1, cpu: 40 });
  const first = record((await route({ tier: "lite" }, { "X-Session-ID": "alice" })).json);
  for (let round = 0; round < 5; round++) {
    const again = record((await route({ tier: "lite" }, { "X-Session-ID": "alice" })).json);
    expect(again).toMatchObject({ client_id: first.client_id, lease_id: first.lease_id });
  }
  expect(await leases()).toHaveLength(1);
  const other = record((await route({ tier: "lite" }, { "X-Session-ID": "bob" })).json);
  expect(other.client_id).not.toBe(first.client_id);
  expect((await route({ tier: "lite" }, { "X-Session-ID": "carol" })).status).toBe(503);
});

test("path chooses the endpoint, and removes backends that do not serve it when another does", async () => {
  await join({ id: "n14", endpoints: [{ url: "http://127.0.0.1:9100" }], cpu: 50 });
  await join({
    id: "n15",
    cpu: 1,
    endpoints: [
      { url: "http://127.0.0.1:9101", paths: ["/api"] },
      { url: "http://127.0.0.1:9102", paths: ["/media/*"] },
    ],
  });
  expect(record((await route({ path: "/api/x" })).json)).toMatchObject({ endpoint: "http://127.0.0.1:9101" });
  expect(record((await route({ path: "/media/x" })).json)).toMatchObject({
    endpoint: "http://127.0.0.1:9102",
  });
  expect(record((await route({ path: "/other" })).json)).toMatchObject({ endpoint: "http://127.0.0.1:9100" });
  expect(record((await route({})).json)).toMatchObject({ endpoint: "http://127.0.0.1:9101" });
});

test("explain gives reasons and terms, and takes nothing", async () => {
  await join({ id: "n16", cpu: [10, 30, 50, 70], memoryTotalGb: 40, memoryAvailGb: 30 });
  await join({ id: "n17", cpu: [99, 99] });
  for (let round = 0; round < 20; round++) {
    const answer = await server.call("POST", "/route/explain", { json: { tier: "medium" } });
    expect(answer.status).toBe(200);
    const body = record(answer.json);
    expect(body).toMatchObject({ tier: "medium", chosen: "n16" });
    const [first, second] = records(body.backends).toSorted((a, b) =>
      string(a.client_id).localeCompare(string(b.client_id)),
    );
    // Mean of the two least loaded cores is 20; 10 of 40 GB in use is 25 %; weights 1.
    expect(first).toMatchObject({ client_id: "n16", eligible: true, reason: null, in_flight: 0, leases: 0 });
    expect(record(first?.terms)).toMatchObject({ distance: 0, cpu: 20, memory: 25, gpu: 0, latency: 0 });
    expect(number(first?.score)).toBeCloseTo(45, 6);
    expect(number(first?.report_age_seconds)).toBeLessThan(60);
    expect(second).toMatchObject({ client_id: "n17", eligible: false, score: null });
    expect(string(second?.reason)).toMatch(/cpu|core/i);
    expect(string(second?.reason)).toMatch(/\d/);
  }
  expect(await leases()).toEqual([]);
});

test("explain agrees with route over random fleets", async () => {
  const random = seeded(20_261_121);
  for (let fleet = 0; fleet < 12; fleet++) {
    const size = 1 + random.below(5);
    for (let at = 0; at < size; at++) {
      await join({
        id: `f${fleet}-${at}`,
        cpu: Array.from({ length: 1 + random.below(8) }, () => random.below(101)),
        memoryAvailGb: random.below(65),
        diskAvailGb: random.below(60),
        latitude: random.below(120) - 60,
        longitude: random.below(300) - 150,
      });
    }
    const json = {
      tier: random.pick(["free", "lite", "medium", "large"]),
      ...(random.below(2) === 0 && {
        client_lat: random.below(100) - 50,
        client_lon: random.below(200) - 100,
      }),
    };
    const explained = record((await server.call("POST", "/route/explain", { json })).json);
    const routed = await route(json);
    if (explained.chosen === null) expect(routed.status).toBe(503);
    else expect(record(routed.json).client_id).toBe(explained.chosen);
    expect(records(explained.backends)).toHaveLength(size);
    for (const each of agents.splice(0)) await each.remove();
  }
});

test("route also takes a body sent as text/plain, as plain fetch does", async () => {
  await join({ id: "n18" });
  const body = JSON.stringify({ tier: "lite" });
  const plain = await server.call("POST", "/route", { body, headers: { "Content-Type": "text/plain" } });
  expect(plain.status).toBe(200);
  const untyped = await server.call("POST", "/route", { body });
  expect(untyped.status).toBe(200);
});
