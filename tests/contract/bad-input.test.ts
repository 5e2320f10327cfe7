/** Whatever is wrong with a body is a 4xx that names field and rule, and changes nothing. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { FakeAgent, registrationOf, reportOf } from "../support/fake-agent.ts";
import type { Json } from "../support/json.ts";
import { expectFieldError, expectProblem } from "../support/problem.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start();
afterAll(() => server[Symbol.asyncDispose]());

const known = { id: "known", endpoint: "http://127.0.0.1:9001" };
let agent: FakeAgent;
beforeAll(async () => {
  agent = await FakeAgent.join(server, known);
});

// A request that was taken by mistake fails its own test, not the next one too.
afterEach(() => server.call("POST", "/clients/purge-pending"));

/** What may not change: the list without the figures that age. */
async function state(): Promise<string> {
  const [clients, leases] = [await server.call("GET", "/clients"), await server.call("GET", "/leases")];
  return clients.text + leases.text;
}

const BODIES = [
  "",
  "{",
  "nonsense",
  "{}{",
  '{"client_id":NaN}',
  '{"client_id":"x",}',
  "\u0000",
  "[",
  '"',
  "'{}'",
];
const SHAPES = ["[]", "null", "5", '"text"', "true", "[{}]"];

test.each(["/register", "/stats", "/route", "/route/explain"])(
  "%s refuses what is no JSON object",
  async (path) => {
    const before = await state();
    for (const body of [...BODIES, ...SHAPES]) {
      const answer = await server.call("POST", path, {
        body,
        headers: { "Content-Type": "application/json" },
      });
      // An empty body asks for nothing in particular, which a routing request may do.
      if (body === "" && path.startsWith("/route") && answer.status === 200) continue;
      expect({ path, body, status: answer.status }).toEqual({ path, body, status: 400 });
      expectProblem(answer, 400);
    }
    await server.call("POST", "/clients/purge-pending");
    expect(await state()).toBe(before);
  },
);

test("deep nesting and duplicate names do no harm", async () => {
  const deep = `{"client_id":${"[".repeat(100_000)}`;
  const answer = await server.call("POST", "/stats", {
    body: deep,
    headers: { "Content-Type": "application/json" },
  });
  expectProblem(answer, 400);
  const closed = `{"client_id":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  const nested = await server.call("POST", "/stats", {
    body: closed,
    headers: { "Content-Type": "application/json" },
  });
  expectProblem(nested, 400);
  const proto = '{"__proto__":{"client_id":"known"},"constructor":{}}';
  const polluted = await server.call("POST", "/stats", {
    body: proto,
    headers: { "Content-Type": "application/json" },
  });
  expectProblem(polluted, 400);
});

const REGISTRATIONS: readonly (readonly [field: string, change: Json])[] = [
  ["client_id", { client_id: undefined }],
  ["client_id", { client_id: "" }],
  ["client_id", { client_id: 5 }],
  ["client_id", { client_id: null }],
  ["client_id", { client_id: "a b" }],
  ["client_id", { client_id: "a\nb" }],
  ["client_id", { client_id: "a\u0000b" }],
  ["client_id", { client_id: "a\u001b[31m" }],
  ["client_id", { client_id: "../../etc" }],
  ["client_id", { client_id: "x".repeat(129) }],
  ["client_id", { client_id: "ünïcode" }],
  ["hostname", { hostname: 5 }],
  ["hostname", { hostname: "h".repeat(257) }],
  ["hostname", { hostname: "a\r\nX-Evil: y" }],
  ["hostname", { hostname: "h\u0007" }],
  ["city", { city: "\n" }],
  ["country", { country: "N\u0085L" }],
  ["public_ip", { public_ip: "nonsense" }],
  ["local_ip", { local_ip: "999.1.1.1" }],
  ["latitude", { latitude: 91 }],
  ["latitude", { latitude: "NaN" }],
  ["latitude", { latitude: "52.1" }],
  ["longitude", { longitude: -181 }],
  ["total_cpu", { total_cpu: -1 }],
  ["total_cpu", { total_cpu: 1.5 }],
  ["total_cpu", { total_cpu: 1e9 }],
  ["total_memory_gb", { total_memory_gb: -1 }],
  ["total_memory_gb", { total_memory_gb: 1e300 }],
  ["total_storage_gb", { total_storage_gb: "much" }],
  ["total_gpus", { total_gpus: -1 }],
  ["gpu_models[0]", { gpu_models: [5] }],
  ["endpoint_url", { endpoint_url: "ftp://127.0.0.1/x" }],
  ["endpoint_url", { endpoint_url: "file:///etc/passwd" }],
  ["endpoint_url", { endpoint_url: "javascript:alert(1)" }],
  ["endpoint_url", { endpoint_url: "127.0.0.1:9001" }],
  ["endpoint_url", { endpoint_url: "http://" }],
  ["endpoint_url", { endpoint_url: "http://127.0.0.1:99999" }],
  ["endpoint_url", { endpoint_url: "http://a b/" }],
  ["endpoint_url", { endpoint_url: "http://127.0.0.1\r\nX: y/" }],
  ["endpoint_url", { endpoint_url: "http://169.254.169.254/latest" }],
  ["endpoint_url", { endpoint_url: "http://169.254.1.1:80" }],
  ["endpoint_url", { endpoint_url: "http://[fe80::1]:80" }],
  ["endpoint_url", { endpoint_url: "http://[fd00:ec2::254]/" }],
  ["endpoint_url", { endpoint_url: "http://[::ffff:169.254.169.254]/" }],
  ["endpoint_url", { endpoint_url: "http://2852039166/" }],
  ["endpoint_url", { endpoint_url: "http://0xa9fea9fe/" }],
  ["endpoint_url", { endpoint_url: "http://0251.0376.0251.0376/" }],
  ["endpoint_url", { endpoint_url: "http://metadata.google.internal/" }],
  ["endpoints[0].url", { endpoints: [{ url: "gopher://x" }] }],
  ["endpoints[0].url", { endpoints: [{ paths: ["/"] }] }],
  ["endpoints[1].url", { endpoints: [{ url: "http://127.0.0.1:1" }, { url: "http://169.254.169.254" }] }],
  ["endpoints[0].paths[1]", { endpoints: [{ url: "http://127.0.0.1:1", paths: ["/a", 5] }] }],
  ["endpoints[0].paths[0]", { endpoints: [{ url: "http://127.0.0.1:1", paths: ["nope"] }] }],
  ["endpoints", { endpoints: "http://127.0.0.1:1" }],
];

test.each(REGISTRATIONS)("/register names %s, case %#", async (field, change) => {
  const before = await state();
  const json = { ...registrationOf({ id: "fresh", endpoint: "http://127.0.0.1:9002" }), ...change };
  expectFieldError(await server.call("POST", "/register", { json }), field);
  expect(await state()).toBe(before);
});

const GPU = { device_id: 0, utilization_pct: 5, memory_used_gb: 1, memory_total_gb: 16 };
const MUST_BE_REPORTED = [
  "cpu_usage_avg",
  "memory_total_gb",
  "memory_used_gb",
  "memory_avail_gb",
  "disk_total_gb",
  "disk_used_gb",
  "disk_avail_gb",
];
const REPORTS: readonly (readonly [field: string, change: Json])[] = [
  ["client_id", { client_id: undefined }],
  ["client_id", { client_id: "a\nb" }],
  ["timestamp", { timestamp: "yesterday" }],
  ["timestamp", { timestamp: 5 }],
  ["timestamp", { timestamp: "2026-13-45T99:00:00Z" }],
  ["cpu_cores", { cpu_cores: -1 }],
  ["cpu_usage_avg", { cpu_usage_avg: "all" }],
  ["cpu_usage_avg[1]", { cpu_usage_avg: [5, 101] }],
  ["cpu_usage_avg[0]", { cpu_usage_avg: [-0.5, 5] }],
  ["cpu_usage_avg[0]", { cpu_usage_avg: ["NaN"] }],
  ["cpu_usage_avg[0]", { cpu_usage_avg: [null] }],
  ["memory_total_gb", { memory_total_gb: -1 }],
  ["memory_used_gb", { memory_used_gb: "NaN" }],
  ["memory_avail_gb", { memory_avail_gb: -0.1 }],
  ["memory_avail_gb", { memory_avail_gb: 1e12 }],
  ["disk_total_gb", { disk_total_gb: {} }],
  ["disk_avail_gb", { disk_avail_gb: -5 }],
  ...MUST_BE_REPORTED.map((field) => [field, { [field]: undefined }] as const),
  ...MUST_BE_REPORTED.map((field) => [field, { [field]: null }] as const),
  ["cpu_usage_avg", { cpu_usage_avg: [] }],
  ["memory_avail_gb", { memory_avail_gb: 99_999 }],
  ["memory_used_gb", { memory_used_gb: 99 }],
  ["disk_used_gb", { disk_used_gb: 510 }],
  ["disk_avail_gb", { disk_avail_gb: 510 }],
  ["gpus[0].memory_used_gb", { gpus: [{ ...GPU, memory_used_gb: 100 }] }],
  ["gpus[1].device_id", { gpus: [GPU, GPU] }],
  ["gpus", { gpus: {} }],
  ["gpus[0].device_id", { gpus: [{ ...GPU, device_id: undefined }] }],
  ["gpus[0].device_id", { gpus: [{ ...GPU, device_id: -1 }] }],
  ["gpus[1].utilization_pct", { gpus: [GPU, { ...GPU, device_id: 1, utilization_pct: 250 }] }],
  ["gpus[0].memory_total_gb", { gpus: [{ ...GPU, memory_total_gb: -16 }] }],
];

test.each(REPORTS)("/stats names %s, case %#", async (field, change) => {
  const before = await state();
  const headers = { "X-Opsen-Agent-Token": agent.token ?? "" };
  const answer = await server.call("POST", "/stats", { json: { ...reportOf(known), ...change }, headers });
  expectFieldError(answer, field);
  expect(await state()).toBe(before);
});

const ROUTES: readonly (readonly [field: string, change: Json])[] = [
  ["tier", { tier: 5 }],
  ["tier", { tier: "gigantic" }],
  ["tier", { tier: "lite\u0000" }],
  ["client_lat", { client_lat: 90.5 }],
  ["client_lon", { client_lon: "east" }],
  ["client_ip", { client_ip: 7 }],
  ["client_ip", { client_ip: "not an address" }],
  ["client_ip", { client_ip: "203.0.113.256" }],
  ["client_lon", { client_lat: 52 }],
  ["client_lat", { client_lon: 4 }],
  ["path", { path: "nope" }],
  ["path", { path: 5 }],
  ["path", { path: `/${"x".repeat(8192)}` }],
];

test.each(ROUTES)("/route and /route/explain name %s, case %#", async (field, change) => {
  const before = await state();
  for (const path of ["/route", "/route/explain"]) {
    expectFieldError(await server.call("POST", path, { json: { tier: "lite", ...change } }), field);
  }
  expect(await state()).toBe(before);
});

test("every fault of a body is listed, not the first alone", async () => {
  const json = { ...reportOf(known), memory_total_gb: -1, disk_total_gb: -1, cpu_usage_avg: [500] };
  const answer = await server.call("POST", "/stats", { json });
  for (const field of ["memory_total_gb", "disk_total_gb", "cpu_usage_avg[0]"])
    expectFieldError(answer, field);
});

test("what was got is quoted back cut short and escaped", async () => {
  const json = { ...registrationOf(known), client_id: `\u001b[2J${"A".repeat(5000)}` };
  const answer = await server.call("POST", "/register", { json });
  expectFieldError(answer, "client_id");
  expect(answer.text.length).toBeLessThan(2500);
  expect(answer.text).not.toContain("\u001b");
});

test("10,000 headers are refused with 431 and cost no memory", async () => {
  const before = server.child.rssBytes();
  for (let round = 0; round < 5; round++) {
    await using client = await openClient(server.target);
    const lines = Array.from({ length: 10_000 }, (_, at) => `X-H-${at}: v\r\n`).join("");
    await client.send(`GET /clients HTTP/1.1\r\nHost: t\r\n${lines}\r\n`);
    const response = await client.readResponse();
    expect(response.startLine).toContain(" 431 ");
    await client.readToEnd();
  }
  expect(server.child.rssBytes() - before).toBeLessThan(32 * 2 ** 20);
  expect((await server.call("GET", "/health")).status).toBe(200);
});

test("a huge body is refused before it is read", async () => {
  await using client = await openClient(server.target);
  await client.send(
    "POST /register HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{",
  );
  expect((await client.readResponse("POST")).startLine).toContain(" 413 ");
});

test("a backend may not live on the server's own listener", async () => {
  const json = registrationOf({ id: "loop", endpoint: server.url });
  expectFieldError(await server.call("POST", "/register", { json }), "endpoint_url");
});
