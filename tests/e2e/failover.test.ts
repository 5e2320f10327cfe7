/** A backend's failure is the client's problem only when no other can help. */
import { expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { record, records, string } from "../support/json.ts";
import { answer, refusingPort } from "../support/raw-backend.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

test("a backend that refuses is passed over, for every method and body", async () => {
  await using cluster = await Cluster.start(
    [
      {
        name: "alive",
        handle: async (request) => new Response(`${request.method} ${await request.text()}`),
        agent: { cpu: 60 },
      },
    ],
    { config: { workers: 2 } },
  );
  const dead = `http://127.0.0.1:${await refusingPort()}`;
  await FakeAgent.join(cluster.server, { id: "dead", endpoint: dead, cpu: 1 });
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"]) {
    // The backend's own server discards bodies of GET.
    for (const body of method === "GET" ? [""] : ["", "x".repeat(200_000)]) {
      const got = await cluster.server.call(method, "/x", { body });
      expect({ method, status: got.status, whole: got.text === `${method} ${body}` }).toEqual({
        method,
        status: 200,
        whole: true,
      });
    }
  }
  expect(record((await cluster.server.call("GET", "/leases")).json)).toEqual({ total: 0, leases: [] });
});

test("when every backend refuses it is a 502, and nothing stays held", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  for (const id of ["d1", "d2", "d3"]) {
    await FakeAgent.join(server, { id, endpoint: `http://127.0.0.1:${await refusingPort()}` });
  }
  const got = await server.call("GET", "/x");
  expect([got.status, got.header("x-opsen-error")]).toEqual([502, "bad_gateway"]);
  expect(record((await server.call("GET", "/leases")).json)).toEqual({ total: 0, leases: [] });
  for (const each of records((await server.call("GET", "/clients")).json)) {
    expect(each).toMatchObject({ in_flight: 0, leases: 0 });
  }
});

test("a session moves when its backend refuses, and stays moved", async () => {
  await using cluster = await Cluster.start(
    [
      { name: "first", agent: { cpu: 1 } },
      { name: "second", agent: { cpu: 50 } },
    ],
    { config: { sticky_header: "X-S" } },
  );
  const headers = { "X-S": "alice" };
  expect((await cluster.server.call("GET", "/", { headers })).text).toBe("first");
  await cluster.backend("first")[Symbol.asyncDispose]();
  for (let round = 0; round < 3; round++) {
    expect((await cluster.server.call("GET", "/", { headers })).text).toBe("second");
  }
});

test("a kept connection that the backend has closed meanwhile costs nobody an error", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, { respond: (_request, wire) => answer(wire, 200, "x") });
  for (let round = 0; round < 5; round++) {
    expect((await server.call("POST", "/x", { body: "b" })).text).toBe("x");
    const last = behind.backend.connections.at(-1);
    last?.finish();
    await last?.readToEnd();
  }
  expect(behind.backend.requests).toHaveLength(5);
});

test("a request that a backend may have executed is not sent again when it is not idempotent", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  const die = {
    respond: (_request: unknown, wire: { reset(): void }): false => {
      wire.reset();
      return false;
    },
  };
  await using one = await Behind.start(server, die, { id: "one" });
  await using two = await Behind.start(server, die, { id: "two" });
  const got = await server.call("POST", "/pay", { body: "once" });
  expect([got.status, got.header("x-opsen-error")]).toEqual([502, "bad_gateway"]);
  expect(one.backend.requests.length + two.backend.requests.length).toBe(1);
});

test("probes take a dead backend out and bring it back, with its sessions moved", async () => {
  await using cluster = await Cluster.start(
    [
      { name: "first", agent: { cpu: 1 } },
      { name: "second", agent: { cpu: 50 } },
    ],
    {
      config: {
        health_check_enabled: true,
        health_check_interval_seconds: 1,
        health_check_unhealthy_threshold: 1,
        health_check_healthy_threshold: 1,
      },
    },
  );
  const health = async (id: string): Promise<unknown> => {
    const clients = records((await cluster.server.call("GET", "/clients")).json);
    return clients.find((each) => each.client_id === id)?.health_status;
  };
  await eventually("a healthy verdict", async () => (await health("first")) === "healthy");
  const shown = records((await cluster.server.call("GET", "/clients")).json)[0];
  expect(string(shown?.latency_ms)).toMatch(/^\d+\.\d$/);
  expect(Date.parse(string(shown?.last_health_check))).toBeGreaterThan(Date.now() - 60_000);

  const { port } = cluster.backend("first");
  await cluster.backend("first")[Symbol.asyncDispose]();
  await eventually("an unhealthy verdict", async () => (await health("first")) === "unhealthy");
  const clients = records((await cluster.server.call("GET", "/clients")).json);
  expect(clients.find((each) => each.client_id === "first")).toMatchObject({ routable: false });
  const explained = record((await cluster.server.call("POST", "/route/explain", { json: {} })).json);
  const reason = records(explained.backends).find((each) => each.client_id === "first")?.reason;
  expect(string(reason)).toContain("unhealthy");

  // An unhealthy holder's id is free for whoever comes, with no token.
  const newcomer = new FakeAgent(cluster.server, { id: "first", endpoint: `http://127.0.0.1:${port}` });
  expect((await newcomer.register()).status).toBe(200);
  using revived = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response("revived") });
  expect(revived.port).toBe(port);
  await newcomer.report();
  await eventually("a healthy verdict again", async () => (await health("first")) === "healthy");
  await cluster.agent("second").report({ cpu_usage_avg: [90, 90, 90, 90] });
  expect((await cluster.server.call("GET", "/")).text).toBe("revived");
});

test("HTTP probes ask for the path below the endpoint's own and want 2xx or 3xx", async () => {
  const paths: string[] = [];
  let status = 503;
  await using backend = new HttpBackend({
    name: "b",
    handle: (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("", { status, headers: { Location: "http://127.0.0.1:1/" } });
    },
  });
  await using server = await TestServer.start({
    config: {
      health_check_enabled: true,
      health_check_type: "http",
      health_check_path: "/alive",
      health_check_interval_seconds: 1,
      health_check_unhealthy_threshold: 1,
      health_check_healthy_threshold: 1,
    },
  });
  await FakeAgent.join(server, { id: "b", endpoint: `${backend.url}/base` });
  const health = async (): Promise<unknown> =>
    records((await server.call("GET", "/clients")).json)[0]?.health_status;
  await eventually("unhealthy at 503", async () => (await health()) === "unhealthy");
  status = 302;
  await eventually("healthy at 302", async () => (await health()) === "healthy");
  expect(new Set(paths)).toEqual(new Set(["/base/alive"]));
});

test("a pooled connection is not handed from one backend's life to the next", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, { respond: (_request, wire) => answer(wire, 200, "x") });
  await server.call("GET", "/1");
  await behind.agent.remove();
  await using client = await openClient(server.target);
  await client.send("GET /2 HTTP/1.1\r\nHost: t\r\n\r\n");
  expect((await client.readResponse()).startLine).toContain(" 503 ");
  expect(behind.backend.requests).toHaveLength(1);
});
