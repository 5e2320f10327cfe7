/** What the server writes: one line per request, of one shape, whatever clients send. */
import { expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, record, string } from "../support/json.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)$/;
const LEVELS = ["debug", "info", "warn", "error", "fatal"];

function about(entries: readonly Json[], path: string): Json[] {
  return entries.filter((entry) => JSON.stringify(entry).includes(path));
}

test("every line of a life is JSON with the promised keys", async () => {
  await using cluster = await Cluster.start([{ name: "b" }], { config: { log_level: "debug" } });
  await cluster.server.call("GET", "/x");
  await cluster.server.call("POST", "/register", { body: "{" });
  await cluster.server.stop();
  const entries = cluster.server.logs();
  expect(entries.length).toBeGreaterThan(3);
  for (const entry of entries) {
    expect(string(entry.timestamp)).toMatch(RFC3339);
    expect(LEVELS).toContain(string(entry.level).toLowerCase());
    expect(string(entry.message)).not.toBe("");
    expect(string(entry.component)).not.toBe("");
    if (entry.data !== undefined) record(entry.data);
    expect(Object.keys(entry)).toEqual(
      ["timestamp", "level", "message", "component", "data"].filter((key) => key in entry),
    );
  }
  expect(cluster.server.child.errorLines).toEqual([]);
});

test("one access line per request at info, with what happened", async () => {
  await using cluster = await Cluster.start([{ name: "b" }]);
  const { server } = cluster;
  await server.call("GET", "/once?q=1");
  await server.call("POST", "/missing-tier?tier=none");
  await server.call("GET", "/clients?active_only=true");
  await server.stop();
  const entries = server.logs();
  const [once, ...more] = about(entries, "/once");
  expect(more).toEqual([]);
  const text = JSON.stringify(once);
  for (const part of ["GET", "/once", "200", "127.0.0.1", '"b"']) expect(text).toContain(part);
  expect(string(once?.level).toLowerCase()).toBe("info");
  expect(about(entries, "/missing-tier")).toHaveLength(1);
  expect(JSON.stringify(about(entries, "/missing-tier")[0])).toContain("400");
  expect(about(entries, "/clients")).toHaveLength(1);
});

test("the size of an answer is that of this answer, whoever made it", async () => {
  await using cluster = await Cluster.start([{ name: "b" }], { config: { workers: 1 } });
  const { server } = cluster;
  const sizes: number[] = [];
  for (const path of ["/mine?tier=none", "/mine", "/mine?tier=none"]) {
    sizes.push((await server.call("GET", path)).raw.body.length);
  }
  await server.stop();
  const logged = about(server.logs(), "/mine").map((entry) => record(entry.data).out);
  expect(logged).toEqual(sizes);
});

test("log_level keeps what is less severe out, of workers too", async () => {
  await using cluster = await Cluster.start([{ name: "b" }], { config: { log_level: "error" } });
  await cluster.server.call("GET", "/x");
  await cluster.server.call("GET", "/x?tier=none");
  expect((await cluster.server.stop()).code).toBe(0);
  expect(cluster.server.child.lines).toEqual([]);
  expect(cluster.server.child.errorLines).toEqual([]);
});

test("text lines have one shape", async () => {
  await using cluster = await Cluster.start([{ name: "b" }], { config: { json_logging: false } });
  await cluster.server.call("GET", "/x");
  await cluster.server.stop();
  const shape =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d) (?:DEBUG|INFO|WARN|ERROR|FATAL) +\[[\w.-]+\] \S/;
  for (const line of cluster.server.child.lines) expect(line).toMatch(shape);
  expect(cluster.server.child.lines.filter((line) => line.includes("/x"))).toHaveLength(1);
});

const HOSTILE = [
  "/%0d%0aINFO%20forged",
  "/x?\u00e9\u0080=\u00ff",
  '/"quoted"',
  "/{curly}",
  "/back\\slash",
  "/\u007f",
];

test.each([true, false])("nothing that a client sends breaks a line (JSON: %p)", async (json) => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start({ config: { json_logging: json, sticky_header: "X-S" } });
  await FakeAgent.join(server, { id: "b", endpoint: backend.url, hostname: 'e"vil \u2028 line' });
  const hostname = "evil\nINFO [forged] line\u001b[31m";
  const forger = new FakeAgent(server, { id: "f", endpoint: backend.url, hostname });
  expect((await forger.register()).status).toBe(400);
  for (const path of HOSTILE) {
    await using client = await openClient(server.target);
    const agent =
      'User-Agent: a\tb "c" \u009b31m\r\nX-S: s\ts\r\nX-Forwarded-For: x y\r\nX-Request-ID: a b"c';
    await client.send(`GET ${path} HTTP/1.1\r\nHost: h"ost\r\n${agent}\r\n\r\n`);
    await client.readResponse();
  }
  await using nul = await openClient(server.target);
  await nul.send("G\u0000T /\u001b[2J\r\nINFO [forged] request HTTP/1.1\r\n\r\n");
  await nul.readToEnd();
  await server.call("POST", "/register", { json: { client_id: "a\nINFO [forged] id" } });
  await server.stop();
  for (const line of server.child.lines) {
    expect({ line, control: hasControl(line) }).toEqual({ line, control: false });
    expect(line).not.toMatch(/^INFO \[forged\]/);
    if (json) record(JSON.parse(line) as unknown);
    else expect(line).toMatch(/^\d{4}-\d\d-\d\dT/);
  }
});

test("keys and tokens never appear, at any level", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start({
    config: { log_level: "debug", server_key: "k-sesame-1", api_keys: ["k-sesame-2"] },
  });
  const agent = await FakeAgent.join(server, { id: "b", endpoint: backend.url, key: "k-sesame-1" });
  await server.call("GET", "/clients", { headers: { "X-API-Key": "k-sesame-2" } });
  await server.call("GET", "/clients", { headers: { "X-API-Key": "k-sesame-wrong" } });
  await server.call("POST", "/stats", {
    json: { client_id: "b" },
    headers: { "X-API-Key": "k-sesame-1", "X-Opsen-Agent-Token": "t-sesame" },
  });
  await server.call("GET", "/x", { headers: { Authorization: "Bearer b-sesame", Cookie: "c=c-sesame" } });
  await server.stop();
  const all = server.child.output;
  expect(all).not.toContain("sesame");
  expect(agent.token).not.toBeNull();
  expect(all).not.toContain(agent.token ?? "");
});

test("a refusal says in the log how many backends each filter removed", async () => {
  await using cluster = await Cluster.start([
    { name: "hot", agent: { cpu: 99 } },
    { name: "full", agent: { memoryAvailGb: 0 } },
  ]);
  await cluster.server.call("GET", "/refused");
  await cluster.server.stop();
  const text = JSON.stringify(
    cluster.server.logs().filter((entry) => /cpu/.test(JSON.stringify(entry.data ?? ""))),
  );
  expect(text).toMatch(/cpu\\?"?[:=]\s*1/);
  expect(text).toMatch(/memory\\?"?[:=]\s*1/);
});

/** Control characters, C1 included, would let a terminal be driven or a line be broken; a tab may stay. */
function hasControl(line: string): boolean {
  return Array.from(line).some((each) => {
    const code = each.codePointAt(0) ?? 0;
    return (code < 0x20 && code !== 0x09) || (code >= 0x7f && code < 0xa0);
  });
}
