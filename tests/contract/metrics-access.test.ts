/** Names, formats and the port of the metrics, and who may have them. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeAgent } from "../support/fake-agent.ts";
import { freePort } from "../support/free-port.ts";
import { HttpBackend } from "../support/http-backend.ts";
import type { Json } from "../support/json.ts";
import { promtool, readMetrics } from "../support/prometheus.ts";
import { type Answer, call } from "../support/raw-client.ts";
import { scrapeAfter } from "../support/scrape.ts";
import { TestServer } from "../support/server.ts";

const TOKEN = "t".repeat(40);
const KEY = "k".repeat(40);

async function withTraffic(config: Json): Promise<string> {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start({ config });
  const gpus = [{ device_id: 0, name: "H100", utilization_pct: 1, memory_used_gb: 1, memory_total_gb: 80 }];
  await FakeAgent.join(server, { id: "backend1", endpoint: backend.url, gpus });
  expect((await server.call("GET", "/api/example")).status).toBe(200);
  const { metrics_namespace: namespace = "opsen", metrics_subsystem: subsystem = "" } = config;
  const prefix = [namespace, subsystem, ""].filter((part, index) => part !== "" || index === 2).join("_");
  return (await scrapeAfter(server, 1, prefix)).text;
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

test("promtool has nothing against the metrics, in seconds as it wants them", async () => {
  const text = await withTraffic({ metrics_duration_unit: "seconds" });
  const metrics = readMetrics(text);
  expect(metrics.families.get("opsen_request_duration_seconds")?.type).toBe("histogram");
  expect(metrics.value('opsen_request_duration_seconds_bucket{backend="backend1",le="0.001"}')).toBeDefined();
  expect(promtool(["check", "metrics"], text) ?? "").toBe("");
});

test("by default it has nothing against them but the unit in the names that other balancers gave", async () => {
  const remarks = promtool(["check", "metrics"], await withTraffic({})) ?? "";
  const lines = remarks
    .split("\n")
    .filter((line) => !/^opsen_(?:request|proxied)_duration_ms .*abbreviated/.test(line));
  expect(lines.join("")).toBe("");
});

test("with a namespace of their own the names are those of other balancers", async () => {
  const metrics = readMetrics(await withTraffic({ metrics_namespace: "gobalance" }));
  expect(metrics.value('gobalance_requests_total{backend="backend1",status="200"}')).toBe(1);
  expect(metrics.value('gobalance_request_duration_ms_bucket{backend="backend1",le="50"}')).toBeDefined();
  expect(metrics.value('gobalance_backend_up{backend="backend1"}')).toBe(1);
  expect(metrics.value('gobalance_connections_active{backend="backend1"}')).toBe(0);
  const other = readMetrics(
    await withTraffic({
      metrics_namespace: "loadbalancer",
      metrics_subsystem: "http",
      metrics_labels: { region: "us-east-1" },
    }),
  );
  expect(
    other.value('loadbalancer_http_requests_total{backend="backend1",status="200",region="us-east-1"}'),
  ).toBe(1);
  expect(other.value('process_start_time_seconds{region="us-east-1"}')).toBeGreaterThan(1.7e9);
});

test("who asks for OpenMetrics gets it", async () => {
  await using server = await TestServer.start();
  const answer = await server.call("GET", "/metrics", {
    headers: { Accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5" },
  });
  expect(answer.header("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(answer.text).toEndWith("\n# EOF\n");
  expect(answer.text).toContain("# TYPE opsen_picks counter\nopsen_picks_total 0\n");
  expect(answer.text).toMatch(/_bucket\{thread="control",le="1\.0"\} \d+\n/);
});

test("the port of metrics takes the token and keys that may read, and gives nothing else", async () => {
  const port = freePort();
  await using server = await TestServer.start({
    config: {
      metrics_port: port,
      metrics_path: "/prometheus/metrics",
      metrics_bearer_token: TOKEN,
      server_key: KEY,
      api_keys: [{ key: "r".repeat(40), scopes: ["route"] }],
    },
  });
  const ask = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> =>
    call({ port }, method, path, { headers });
  const path = "/prometheus/metrics";
  expect((await ask(path)).header("www-authenticate")).toStartWith("Bearer");
  expect((await ask(path, bearer("wrong"))).status).toBe(401);
  expect((await ask(path, bearer("r".repeat(40)))).status).toBe(401);
  for (const headers of [bearer(TOKEN), bearer(KEY), { "X-API-Key": KEY }]) {
    const answer = await ask(path, headers);
    expect(answer.status).toBe(200);
    expect(readMetrics(answer.text).value("opsen_backends")).toBe(0);
  }
  expect((await ask("/metrics", bearer(TOKEN))).status).toBe(404);
  expect((await ask("/clients", bearer(TOKEN))).status).toBe(404);
  expect((await ask(path, bearer(TOKEN), "DELETE")).status).toBe(405);
  // With management the token opens the metrics, and no other call.
  expect((await server.call("GET", path, { headers: bearer(TOKEN) })).status).toBe(200);
  expect((await server.call("GET", path)).status).toBe(401);
  expect((await server.call("GET", "/clients", { headers: bearer(TOKEN) })).status).toBe(401);
  expect((await server.call("GET", "/clients", { headers: { "X-API-Key": TOKEN } })).status).toBe(403);
});

test("guesses at the token are throttled", async () => {
  const port = freePort();
  await using server = await TestServer.start({
    config: { metrics_port: port, metrics_bearer_token: TOKEN },
  });
  expect(server.port).toBeGreaterThan(0);
  const statuses = new Set<number>();
  for (let guess = 0; guess < 30; guess++) {
    statuses.add((await call({ port }, "GET", "/metrics", { headers: bearer(`guess-${guess}`) })).status);
  }
  expect([...statuses]).toEqual([401, 429]);
  expect((await call({ port }, "GET", "/metrics", { headers: bearer(TOKEN) })).status).toBe(429);
});

test("a token alone leaves management as it is, and without any token this host is answered", async () => {
  const port = freePort();
  await using server = await TestServer.start({ config: { metrics_port: port } });
  expect((await call({ port }, "GET", "/metrics")).status).toBe(200);
  expect((await call({ port }, "GET", "/metrics", { headers: { Host: "evil.example.com" } })).status).toBe(
    403,
  );
  expect((await call({ port }, "GET", "/metrics", { headers: { Origin: "http://x.example" } })).status).toBe(
    403,
  );
  // A relay on this host asks for somebody else.
  for (const name of ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"]) {
    const { status } = await call({ port }, "GET", "/metrics", { headers: { [name]: "1.1 x" } });
    expect({ name, status }).toEqual({ name, status: 403 });
  }
  await server.restart({ metrics_bearer_token: TOKEN });
  expect((await call({ port }, "GET", "/metrics")).status).toBe(401);
  expect((await server.call("GET", "/metrics")).status).toBe(200);
  expect((await server.call("GET", "/clients")).status).toBe(200);
});

test("a token in a file is read again when the file changes", async () => {
  const port = freePort();
  await using server = await TestServer.start();
  const file = join(server.dir, "token");
  writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
  await server.restart({ metrics_port: port, metrics_bearer_token_file: "token" });
  const status = async (token: string): Promise<number> =>
    (await call({ port }, "GET", "/metrics", { headers: bearer(token) })).status;
  expect(await status(TOKEN)).toBe(200);
  const second = "second-token-second-token-second-token";
  writeFileSync(file, `${second}\n`);
  await server.log("the new token is taken", (entry) =>
    JSON.stringify(entry).includes("new keys are in use"),
  );
  expect(await status(second)).toBe(200);
  expect(await status(TOKEN)).toBe(401);
});

test("metrics can be off", async () => {
  await using server = await TestServer.start({ config: { metrics_enabled: false } });
  expect((await server.call("GET", "/metrics")).status).toBe(404);
  expect((await server.call("GET", "/metrics/history")).status).toBe(404);
  expect((await server.call("GET", "/health")).status).toBe(200);
});
