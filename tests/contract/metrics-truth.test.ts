/** Known traffic, and what metrics, health and access log make of it: the same, to the last request. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import type { RawMessage } from "../support/http-message.ts";
import { array, type Json, record } from "../support/json.ts";
import type { Metrics } from "../support/prometheus.ts";
import { answer, RawBackend } from "../support/raw-backend.ts";
import { openClient } from "../support/raw-client.ts";
import { scrapeAfter } from "../support/scrape.ts";
import { TestServer } from "../support/server.ts";
import type { Wire } from "../support/wire.ts";

const NAMES = ["a", "b"] as const;
type Name = (typeof NAMES)[number];
const STATUSES = [200, 204, 301, 304, 404, 418, 500, 503, 599];
const UPGRADE = "Connection: upgrade\r\nUpgrade: websocket\r\n";
/** The pair of RFC 6455 section 1.3. */
const ASK = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const BODY = "twelve bytes";

/** What the backends saw and did, by backend and key. */
const ledger = new Map<string, number>();
const failedOnce = new Set<string>();
let server: TestServer;
let metrics: Metrics;
let sent = 0;
/** Octets of bodies and tunnels that clients read. */
let bytesOut = 0;
const backends: RawBackend[] = [];

function note(name: Name, what: string): void {
  ledger.set(`${name} ${what}`, (ledger.get(`${name} ${what}`) ?? 0) + 1);
}

function noted(name: Name, what: string): number {
  return ledger.get(`${name} ${what}`) ?? 0;
}

function path({ startLine }: RawMessage): string {
  return startLine.split(" ")[1] ?? "";
}

async function respond(name: Name, request: RawMessage, wire: Wire): Promise<unknown> {
  const target = path(request);
  const [, kind = "", rest = ""] = target.split("/");
  if (kind === "status") {
    note(name, rest);
    const status = Number(rest);
    return answer(wire, status, status === 204 || status === 304 ? "" : BODY);
  }
  if (kind === "flaky" && !failedOnce.has(target)) {
    failedOnce.add(target);
    note(name, "lost");
    wire.finish();
    return false;
  }
  if (kind === "cut") {
    note(name, rest);
    note(name, "cut");
    if (rest === "500") note(name, "cut500");
    await wire.send(`HTTP/1.1 ${rest} Cut\r\nContent-Length: 100\r\n\r\nsome`);
    wire.finish();
    return false;
  }
  if (kind === "socket") {
    note(name, "101");
    await wire.send(`HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`);
    await wire.send((await wire.readBytes(4)).toString("latin1"));
    wire.finish();
    return false;
  }
  note(name, "200");
  return answer(wire, 200, BODY, kind === "cached" ? { "Cache-Control": "max-age=600" } : {});
}

async function ask(target: string, head = ""): Promise<string> {
  sent++;
  await using client = await openClient(server.target);
  const method = target.startsWith("/head") ? "HEAD" : "GET";
  await client.send(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n`);
  const text = (await client.readToEnd()).toString("latin1");
  bytesOut += text.length - text.indexOf("\r\n\r\n") - 4;
  return text;
}

beforeAll(async () => {
  server = await TestServer.start({
    config: {
      strategy: "round_robin",
      breaker_enabled: false,
      // One that has closed a kept connection has not failed.
      upstream_keepalive: false,
      cache_enabled: true,
      retry_budget_percent: 100,
      retry_budget_min: 100,
      retry_attempts: 2,
      log_level: "info",
    },
  });
  for (const name of NAMES) {
    const backend = await RawBackend.start({
      respond: (request, wire) => respond(name, request, wire),
    });
    backends.push(backend);
    await FakeAgent.join(server, { id: name, endpoint: backend.url });
  }
  for (let round = 0; round < 4; round++) {
    for (const status of STATUSES) await ask(`/status/${status}`);
  }
  for (let index = 0; index < 6; index++) await ask(`/flaky/${index}`);
  for (const status of [200, 200, 200, 500]) await ask(`/cut/${status}`);
  for (let index = 0; index < 5; index++) await ask("/cached/x");
  for (let index = 0; index < 3; index++) await ask(`/head/${index}`);
  for (let index = 0; index < 2; index++) {
    sent++;
    await using client = await openClient(server.target);
    await client.send(`GET /socket HTTP/1.1\r\nHost: x\r\n${UPGRADE}${ASK}\r\n\r\nping`);
    expect((await client.readToEnd()).toString("latin1")).toEndWith("\r\n\r\nping");
    bytesOut += 4;
  }
  await ask("/x?tier=nonsense");
  metrics = await scrapeAfter(server, sent);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  for (const backend of backends) await backend[Symbol.asyncDispose]();
});

/** Failures that clients saw: one that was cut after a good status is one, one after 500 was one already. */
function seen(name: Name): number {
  return ["500", "503", "599", "cut"].reduce((sum, what) => sum + noted(name, what), -noted(name, "cut500"));
}

function isOurs(line: Json): boolean {
  const text = String(line.message ?? line.msg);
  return /^(?:GET|HEAD) \/(?:status|flaky|cut|cached|head|socket|x)\b/.test(text);
}

function dataOf(line: Json): Json {
  return record(line.data);
}

function served(name: Name): number {
  let sum = 0;
  for (const [series, value] of metrics.families.get("opsen_requests_total")?.samples ?? []) {
    if (series.includes(`backend="${name}"`)) sum += value;
  }
  return sum;
}

test("every request is counted once, with its backend and its status", () => {
  for (const name of NAMES) {
    for (const status of ["101", "200", "204", "301", "304", "404", "500", "503"]) {
      const value = metrics.value(`opsen_requests_total{backend="${name}",status="${status}"}`) ?? 0;
      expect({ name, status, value }).toEqual({ name, status, value: noted(name, status) });
    }
    expect(metrics.value(`opsen_requests_total{backend="${name}",status="4xx"}`) ?? 0).toBe(
      noted(name, "418"),
    );
    expect(metrics.value(`opsen_requests_total{backend="${name}",status="5xx"}`) ?? 0).toBe(
      noted(name, "599"),
    );
  }
  // From the cache, and with a tier that there is not.
  expect(metrics.value('opsen_requests_total{backend="",status="200"}')).toBe(4);
  expect(metrics.value('opsen_requests_total{backend="",status="400"}')).toBe(1);
  expect(served("a") + served("b") + 5).toBe(sent);
  expect(metrics.value("opsen_cache_hits_total")).toBe(4);
  expect(metrics.value("opsen_proxied_duration_ms_count")).toBe(sent - 2);
});

test("what failed is counted with who failed", () => {
  for (const name of NAMES) {
    const value = (metric: string): number =>
      metrics.value(`opsen_backend_${metric}_total{backend="${name}"}`) ?? 0;
    expect({ name, retries: value("retries") }).toEqual({ name, retries: noted(name, "lost") });
    expect({ name, errors: value("errors") }).toEqual({
      name,
      errors: noted(name, "lost") + noted(name, "cut"),
    });
    const broken = noted(name, "cut") - noted(name, "cut500");
    expect({ name, broken: value("broken_responses") }).toEqual({ name, broken });
    expect(metrics.value(`opsen_requests_in_flight{backend="${name}"}`)).toBe(0);
  }
  expect(metrics.value("opsen_retries_total")).toBe(6);
  expect(metrics.value("opsen_tunnels_opened_total")).toBe(2);
  expect(metrics.value("opsen_tunnels")).toBe(0);
});

test("/health tells the same", async () => {
  const health = record((await server.call("GET", "/health")).json);
  for (const entry of array(health.backends).map(record)) {
    const name = entry.id === "a" ? "a" : "b";
    expect(entry.total_requests).toBe(served(name));
    expect(entry.total_errors).toBe(seen(name) + noted(name, "lost"));
  }
  // Of those that were repeated clients saw nothing.
  expect(health).toMatchObject({ total_requests: sent, total_errors: seen("a") + seen("b") });
  expect(health).toMatchObject({ bytes_in: 8, bytes_out: bytesOut });
});

test("the access log has a line for each", async () => {
  const lines = await eventually("all lines", () => {
    const found = server.logs().filter(isOurs);
    return found.length >= sent && found;
  });
  expect(lines).toHaveLength(sent);
  for (const name of NAMES) {
    expect(lines.filter((line) => dataOf(line).backend === name)).toHaveLength(served(name));
  }
  expect(lines.filter((line) => dataOf(line).truncated === true)).toHaveLength(4);
  expect(lines.filter((line) => dataOf(line).attempts === 2)).toHaveLength(6);
});
