/** `GET /metrics`, and what refusals do to it and to the log. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { freePort } from "../support/free-port.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { call, openClient } from "../support/raw-client.ts";
import { scrape, scrapeAfter } from "../support/scrape.ts";
import { TestServer } from "../support/server.ts";

test("every counter is there from the start, and requests move them", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start();
  const before = await scrape(server);
  expect(before.value("opsen_picks_total")).toBe(0);
  expect(before.value('opsen_errors_total{code="no_backend"}')).toBe(0);
  expect(before.value('opsen_refusals_total{filter="cpu"}')).toBe(0);
  expect(before.value("opsen_backends")).toBe(0);
  await server.call("GET", "/x");
  await FakeAgent.join(server, { id: "b", endpoint: backend.url });
  for (let count = 0; count < 3; count++) expect((await server.call("GET", "/x")).status).toBe(200);
  await server.call("GET", "/x?tier=nonsense");
  const after = await scrapeAfter(server, 5);
  const moved = (name: string): number => (after.value(name) ?? 0) - (before.value(name) ?? 0);
  expect(moved('opsen_errors_total{code="no_backend"}')).toBe(1);
  expect(moved('opsen_errors_total{code="unknown_tier"}')).toBe(1);
  expect(moved("opsen_picks_total")).toBe(4);
  expect(moved("opsen_picks_no_backend_total")).toBe(1);
  expect(moved("opsen_backends")).toBe(1);
  expect(moved("opsen_backends_active")).toBe(1);
  expect(after.value("opsen_degraded")).toBe(0);
  expect(after.value("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(after.value("process_resident_memory_bytes")).toBeGreaterThan(1e7);
  expect(after.value('opsen_requests_total{backend="b",status="200"}')).toBe(3);
  expect(after.value('opsen_requests_total{backend="",status="503"}')).toBe(1);
  expect(after.value('opsen_requests_total{backend="",status="400"}')).toBe(1);
  expect(after.value('opsen_request_duration_ms_count{backend="b"}')).toBe(3);
  expect(after.value("opsen_proxied_duration_ms_count")).toBe(5);
  expect(after.value('opsen_backend_sent_bytes_total{backend="b"}')).toBe(3);
  expect(after.value('opsen_backend_up{backend="b"}')).toBe(1);
  expect(after.value('opsen_requests_in_flight{backend="b"}')).toBe(0);
});

test("a backend that fails is told by errors, retries and its breaker", async () => {
  await using good = new HttpBackend({ name: "good" });
  await using server = await TestServer.start({
    config: {
      breaker_connect_failures: 2,
      breaker_failures: 2,
      max_ejection_percent: 100,
      retry_attempts: 2,
    },
  });
  // Nobody listens there.
  const bad = `http://127.0.0.1:${freePort()}`;
  await FakeAgent.join(server, { id: "bad", endpoint: bad, cpu: 0 });
  await FakeAgent.join(server, { id: "good", endpoint: good.url, cpu: 60 });
  for (let count = 0; count < 5; count++) expect((await server.call("GET", "/x")).status).toBe(200);
  const metrics = await scrapeAfter(server, 5);
  const errors = metrics.value('opsen_backend_errors_total{backend="bad"}') ?? 0;
  expect(errors).toBeGreaterThanOrEqual(2);
  expect(metrics.value('opsen_backend_retries_total{backend="bad"}')).toBe(errors);
  expect(metrics.value('opsen_backend_errors_total{backend="good"}')).toBe(0);
  expect(metrics.value(`opsen_breaker_state{backend="bad",endpoint="${bad}"}`)).toBe(2);
  expect(metrics.value('opsen_breaker_changes_total{backend="bad",to="open"}')).toBe(1);
  expect(metrics.value("opsen_backends_ejected")).toBe(1);
  expect(metrics.value('opsen_backend_routable{backend="bad"}')).toBe(0);
  expect(metrics.value('opsen_requests_total{backend="good",status="200"}')).toBe(5);
});

test("what agents report, what is leased and what is kept is told by backend", async () => {
  await using backend = new HttpBackend({
    name: "b",
    handle: (_, self) => self.gate.pass().then(() => new Response("")),
  });
  await using server = await TestServer.start({
    config: {
      tiers: [{ name: "small", vcpu: 2, memory_gb: 4 }],
      metrics_labels: { environment: 'a "b" \\' },
    },
  });
  const gpu = { name: "H100", memory_used_gb: 1, memory_total_gb: 80, temperature_c: 41, power_draw_w: 90.5 };
  const gpus = [{ device_id: 3, utilization_pct: 25, ...gpu }];
  await FakeAgent.join(server, { id: "b", endpoint: backend.url, cpu: [50, 100], cores: 2, gpus });
  await FakeAgent.join(server, { id: "c", endpoint: backend.url, cpu: [0, 20, 30, 40] });
  const running = server.call("GET", "/x");
  await backend.gate.waitFor(1);
  const label = 'environment="a \\"b\\" \\\\"';
  const during = await scrape(server);
  const value = (name: string, labels: string) => during.value(`opsen_${name}{${labels},${label}}`);
  expect(value("backend_cpu_usage_ratio", 'backend="b"')).toBe(0.75);
  expect(value("backend_core_usage_ratio", 'backend="b",core="1"')).toBe(1);
  const device = 'backend="b",gpu="3",name="H100"';
  expect(value("backend_gpu_usage_ratio", device)).toBe(0.25);
  expect(value("backend_gpu_memory_size_bytes", device)).toBe(80 * 2 ** 30);
  expect(value("backend_gpu_temperature_celsius", device)).toBe(41);
  expect(value("backend_gpu_power_watts", device)).toBe(90.5);
  expect(value("backend_memory_usage_ratio", 'backend="b"')).toBe(0.25);
  expect(value("backend_cores", 'backend="c",state="leased"')).toBe(2);
  expect(value("backend_cores", 'backend="c",state="free"')).toBe(4);
  expect(value("backend_memory_bytes", 'backend="c",state="leased"')).toBe(4 * 2 ** 30);
  expect(value("requests_in_flight", 'backend="c"')).toBe(1);
  expect(value("connections_active", 'backend="c"')).toBe(1);
  backend.gate.open();
  await running;
  const after = await scrapeAfter(server, 1);
  expect(after.value(`opsen_connections_idle{backend="c",${label}}`)).toBe(1);
  expect(after.value(`opsen_connections_active{backend="c",${label}}`)).toBe(0);
  expect(after.value(`opsen_leases{${label}}`)).toBe(0);
});

test("a flood of bad requests is counted to the last one, and is none of lines", async () => {
  const floods = [
    ["bad_request", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["uri_too_long", `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    ["not_implemented", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501],
    ["no_backend", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 503],
  ] as const;
  const each = 500;
  await using server = await TestServer.start({ config: { log_level: "info" } });
  for (const [, bytes, status] of floods) {
    for (let count = 0; count < each; count++) {
      await using client = await openClient(server.target);
      await client.send(bytes);
      expect((await client.readResponse("GET")).startLine).toContain(` ${status} `);
    }
  }
  const series = await scrapeAfter(server, each * floods.length);
  for (const [code] of floods) expect(series.value(`opsen_errors_total{code="${code}"}`)).toBe(each);
  await server.stop();
  const lines = server.logs().filter((entry) => JSON.stringify(entry).includes('"code":"'));
  const suppressed = lines.reduce((sum, { data }) => sum + suppressedIn(data), 0);
  expect(lines.length).toBeGreaterThan(floods.length - 1);
  // At most ten a second for each code and worker, whatever the flood takes.
  expect(lines.length).toBeLessThan((each * floods.length) / 2);
  expect(suppressed + lines.length).toBeLessThanOrEqual(each * floods.length);
});

test("metrics need the scope read, and stay the same in number whatever is asked", async () => {
  await using server = await TestServer.start({
    config: { server_key: "k".repeat(40), api_keys: [{ key: "r".repeat(40), scopes: ["read"] }] },
  });
  expect((await server.call("GET", "/metrics")).status).toBe(401);
  const ask = () => call(server.target, "GET", "/metrics", { headers: { "X-API-Key": "r".repeat(40) } });
  await server.call("GET", "/path");
  const before = (await ask()).text.split("\n").length;
  for (let count = 0; count < 300; count++) await server.call("GET", `/path-${count}`);
  const after = await ask();
  expect(after.text.split("\n").length).toBe(before);
  expect(after.text).not.toContain("path-");
});

function suppressedIn(data: unknown): number {
  const [, count = "0"] = /"suppressed":(\d+)/.exec(JSON.stringify(data)) ?? [];
  return Number(count);
}
