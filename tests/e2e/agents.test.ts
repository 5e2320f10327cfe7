/** Real agents against a real server: figures, identity, farewell, and clear failures. */
import { expect, test } from "bun:test";
import { cpus, hostname, totalmem } from "node:os";
import { TestAgent } from "../support/agent.ts";
import { ANY_ROOM } from "../support/any-room.ts";
import { eventually } from "../support/eventually.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { array, type Json, number, record, records, string } from "../support/json.ts";
import { refusingPort } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";

const GIB = 2 ** 30;

async function clients(server: TestServer, headers: Record<string, string> = {}): Promise<Json[]> {
  return records((await server.call("GET", "/clients", { headers })).json);
}

function routable(server: TestServer): Promise<Json> {
  return eventually("a routable backend", async () =>
    (await clients(server)).find((each) => each.routable === true),
  );
}

test("an agent reports the machine as it is, at once", async () => {
  await using server = await TestServer.start({ config: ANY_ROOM });
  await using backend = new HttpBackend({ name: "b" });
  await using agent = new TestAgent({
    config: { server_url: `${server.url}/`, endpoint_url: backend.url, report_interval_seconds: 3600 },
  });
  const shown = await routable(server);
  expect(shown.hostname).toBe(hostname());
  expect(shown.endpoint).toBe(backend.url);
  expect(shown.cpu_cores).toBe(cpus().length);
  for (const usage of array(shown.cpu_usage_avg)) {
    expect(number(usage)).toBeGreaterThanOrEqual(0);
    expect(number(usage)).toBeLessThanOrEqual(100);
  }
  // A memory limit of a container may make it less than the machine's.
  expect(number(shown.memory_total_gb)).toBeLessThanOrEqual(totalmem() / GIB + 0.01);
  expect(number(shown.memory_total_gb)).toBeGreaterThan(0);
  expect(number(shown.memory_avail_gb)).toBeGreaterThan(0);
  expect(number(shown.disk_total_gb)).toBeGreaterThan(0);
  expect(number(shown.disk_avail_gb)).toBeLessThanOrEqual(number(shown.disk_total_gb));
  expect((await server.call("GET", "/x?tier=any")).text).toBe("b");
  expect(agent.child.errorLines).toEqual([]);
});

test("an agent keeps its id over restarts, kill -9 included, and its token with it", async () => {
  await using server = await TestServer.start({ config: ANY_ROOM });
  await using backend = new HttpBackend({ name: "b" });
  await using agent = new TestAgent({ config: { server_url: server.url, endpoint_url: backend.url } });
  const id = string((await routable(server)).client_id);
  expect(id.length).toBeGreaterThan(8);
  await agent.killHard();
  await agent.restart();
  await agent.log("a registration", (entry) => /registered/i.test(string(entry.message)));
  const again = await clients(server);
  expect(again.map((each) => each.client_id)).toEqual([id]);
});

test("SIGTERM: the agent deregisters and exits 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using server = await TestServer.start({ config: ANY_ROOM });
    await using agent = new TestAgent({
      config: { server_url: server.url, endpoint_url: "http://127.0.0.1:9001", client_id: "leaver" },
    });
    await routable(server);
    expect((await agent.stop(signal)).code).toBe(0);
    expect(await clients(server)).toEqual([]);
  }
});

test("a wrong key or a refused registration ends the agent at once with a message", async () => {
  await using server = await TestServer.start({ config: { ...ANY_ROOM, server_key: "sesame" } });
  const cases: readonly (readonly [Json, RegExp])[] = [
    [{ server_key: "wrong" }, /key/i],
    [{}, /key/i],
    [{ server_key: "sesame", endpoint_url: "http://169.254.169.254/" }, /endpoint/i],
  ];
  for (const [config, message] of cases) {
    await using agent = new TestAgent({
      config: { server_url: server.url, endpoint_url: "http://127.0.0.1:9001", ...config },
    });
    const { code, stdout, stderr } = await agent.child.finished();
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(message);
    expect(stdout + stderr).not.toContain("sesame");
  }
});

test("an agent waits for a server that is not there yet", async () => {
  const port = await refusingPort();
  await using agent = new TestAgent({
    config: { server_url: `http://127.0.0.1:${port}`, endpoint_url: "http://127.0.0.1:9001" },
  });
  await agent.log("a failed attempt", (entry) => /warn|error/i.test(string(entry.level)));
  expect(agent.child.running).toBe(true);
  await using server = await TestServer.start({ config: { ...ANY_ROOM, port } });
  expect((await routable(server)).endpoint).toBe("http://127.0.0.1:9001");
}, 60_000);

test("an agent that the server has forgotten registers again", async () => {
  await using server = await TestServer.start({ config: ANY_ROOM });
  await using agent = new TestAgent({
    config: { server_url: server.url, endpoint_url: "http://127.0.0.1:9001", client_id: "lost" },
  });
  await routable(server);
  expect((await server.call("DELETE", "/clients/lost")).status).toBe(204);
  expect((await routable(server)).client_id).toBe("lost");
  expect(agent.child.running).toBe(true);
});

test("endpoints by path and a place by hand reach the server", async () => {
  await using server = await TestServer.start({ config: ANY_ROOM });
  const endpoints = [
    { url: "http://127.0.0.1:9001", paths: ["/api"] },
    { url: "http://127.0.0.1:9002", paths: ["/*"] },
  ];
  await using agent = new TestAgent({
    config: {
      server_url: server.url,
      endpoints,
      skip_geolocation: false,
      latitude: 52.37,
      longitude: 4.9,
      city: "Amsterdam",
      country: "NL",
    },
  });
  const shown = await routable(server);
  expect(shown).toMatchObject({ endpoints, location: "Amsterdam, NL" });
  const json = { client_lat: 52.37, client_lon: 4.9 };
  const routed = record((await server.call("POST", "/route", { json })).json);
  expect(number(routed.distance_km)).toBeLessThan(1);
  expect(agent.child.running).toBe(true);
});

test("flags of the agent win over its file", async () => {
  await using server = await TestServer.start({ config: ANY_ROOM });
  await using agent = new TestAgent({
    config: {
      server_url: "http://127.0.0.1:1",
      endpoint_url: "http://127.0.0.1:9001",
      client_id: "from-file",
    },
    args: ["-server", server.url, "--id=from-flag", "-interval", "1"],
    env: { OPSEN_CLIENT_CLIENT_ID: "from-env" },
  });
  expect((await routable(server)).client_id).toBe("from-flag");
  expect(agent.child.running).toBe(true);
});

test("log_level and json_logging are obeyed by every line of the agent", async () => {
  await using server = await TestServer.start({ config: ANY_ROOM });
  await using quiet = new TestAgent({
    config: { server_url: server.url, endpoint_url: "http://127.0.0.1:9001", log_level: "error" },
  });
  await routable(server);
  await quiet.stop();
  expect(quiet.child.lines).toEqual([]);
  await using loud = new TestAgent({
    config: { server_url: server.url, endpoint_url: "http://127.0.0.1:9001", log_level: "debug" },
  });
  await routable(server);
  await loud.stop();
  const levels = new Set(loud.logs().map((entry) => string(entry.level).toLowerCase()));
  expect(levels).toContain("debug");
  expect(loud.child.errorLines).toEqual([]);
});
