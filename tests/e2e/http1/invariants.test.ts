/** C-98, C-103, C-104, C-112: nobody home, and sums that must agree whatever clients and backends do. */
import { expect, test } from "bun:test";
import { Behind } from "../../support/behind.ts";
import { BlackHole } from "../../support/black-hole.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeAgent } from "../../support/fake-agent.ts";
import { statusOf } from "../../support/http-message.ts";
import { record } from "../../support/json.ts";
import { answer } from "../../support/raw-backend.ts";
import { openClient } from "../../support/raw-client.ts";
import { type Seeded, seeded } from "../../support/seeded.ts";
import { TestServer } from "../../support/server.ts";

const CONNECTIONS = 400;

interface Said {
  readonly octets: string;
  /** Methods of the requests that must each have a final response. */
  readonly methods: readonly string[];
}

function get(method: string, path: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: t\r\n\r\n`;
}

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** What one connection sends: requests in a row, the last of them perhaps one that is refused. */
function conversation(random: Seeded): Said {
  const good: readonly Said[] = [
    { octets: get("GET", "/a"), methods: ["GET"] },
    { octets: get("HEAD", "/a"), methods: ["HEAD"] },
    { octets: get("DELETE", "/status-404"), methods: ["DELETE"] },
    { octets: post("/b", "x".repeat(random.below(5000))), methods: ["POST"] },
    {
      octets: "PUT /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      methods: ["PUT"],
    },
    { octets: get("GET", "/x?tier=nonsense"), methods: ["GET"] },
    { octets: get("GET", "/health"), methods: ["GET"] },
  ];
  const last: readonly Said[] = [
    { octets: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", methods: ["GET"] },
    { octets: "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", methods: ["GET"] },
    { octets: "nonsense\r\n\r\n", methods: ["GET"] },
    { octets: "", methods: [] },
  ];
  const parts = Array.from({ length: 1 + random.below(5) }, () => random.pick(good));
  const all = [...parts, random.pick(last)];
  return { octets: all.map(({ octets }) => octets).join(""), methods: all.flatMap(({ methods }) => methods) };
}

test("C-103, C-104, C-112: every request has one answer, one line and one count", async () => {
  await using server = await TestServer.start({ config: { workers: 2 } });
  await using behind = await Behind.start(
    server,
    {
      respond: ({ startLine }, wire) => {
        const status = Number(/status-(\d+)/.exec(startLine)?.[1] ?? 200);
        return startLine.startsWith("HEAD ")
          ? wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
          : answer(wire, status, "hello");
      },
    },
    { cores: 64 },
  );
  const before = await scrape(server);
  const random = seeded(17);
  const classes = new Map<string, number>();
  let requests = 0;
  for (let at = 0; at < CONNECTIONS; at++) {
    const { octets, methods } = conversation(random);
    await using client = await openClient(server.target);
    await client.send(octets);
    for (const method of methods) {
      const response = await client.readResponse(method);
      const key = `${Math.floor(statusOf(response) / 100)}xx`;
      classes.set(key, (classes.get(key) ?? 0) + 1);
      requests++;
    }
    client.finish();
    // Nothing after the last answer: as many responses as requests.
    expect((await client.readToEnd()).toString("latin1")).toBe("");
  }
  // Scraping is itself a request that is answered 2xx; it is counted once it has ended.
  await eventually("all are counted", async () => {
    const now = await scrape(server);
    return total(now, "opsen_responses_total") - total(before, "opsen_responses_total") >= requests;
  });
  const after = await scrape(server);
  // Each is counted once with what became of it, proxied or management.
  expect(total(after, "opsen_requests_total") + total(after, "opsen_management_requests_total")).toBe(
    total(after, "opsen_responses_total"),
  );
  for (const status of ["3xx", "4xx", "5xx"]) {
    const name = `opsen_responses_total{class="${status}"}`;
    expect([status, (after.get(name) ?? 0) - (before.get(name) ?? 0)]).toEqual([
      status,
      classes.get(status) ?? 0,
    ]);
  }
  await eventually("a line for each request that the backend has seen", () => {
    const lines = server.logs().filter((entry) => record(entry.data ?? {}).backend !== undefined);
    return lines.length === behind.backend.requests.length;
  });
}, 60_000);

test("C-98: a backend that answers no SYN is passed over in time, whatever the method", async () => {
  await using hole = await BlackHole.open();
  await using server = await TestServer.start({ config: { workers: 1, connect_timeout_seconds: 1 } });
  await FakeAgent.join(server, { id: "hole", endpoint: hole.url, cpu: 0, cores: 64 });
  const alone = performance.now();
  const got = await server.call("POST", "/x", { body: "x" });
  expect([502, 504]).toContain(got.status);
  expect(performance.now() - alone).toBeGreaterThanOrEqual(900);
  await using behind = await Behind.start(
    server,
    { respond: (_request, wire) => answer(wire, 200, "home") },
    { cores: 64, cpu: 20 },
  );
  for (const method of ["POST", "GET"]) {
    expect((await server.call(method, "/x", { body: "x" })).text).toBe("home");
  }
  expect(behind.backend.requests).toHaveLength(2);
}, 30_000);

/** Sum over the labels of a family. */
function total(figures: ReadonlyMap<string, number>, family: string): number {
  return [...figures].reduce((sum, [name, value]) => (name.startsWith(family) ? sum + value : sum), 0);
}

async function scrape(server: TestServer): Promise<ReadonlyMap<string, number>> {
  const { text } = await server.call("GET", "/metrics");
  return new Map(
    [...text.matchAll(/^(opsen_\S+) (\d+)$/gm)].map(([, name = "", value]) => [name, Number(value)]),
  );
}
