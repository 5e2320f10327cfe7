/** The rows of the threat model that no other suite asks for, by their numbers. */
import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Behind } from "../support/behind.ts";
import { FakeAgent, registrationOf } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { record, records, string } from "../support/json.ts";
import { call, openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const KEY = "0123456789abcdef0123456789abcdef0123";
const ENDPOINT = "http://127.0.0.1:9001";

/** Ways to spell a management path that some parser on the way might take for it. */
function spellings(path: string): string[] {
  const name = path.slice(1);
  const encoded = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
  return [
    `${path}/`,
    `/${path}`,
    `//x${path}`,
    `/.${path}`,
    `/x/..${path}`,
    `/x/%2e%2e${path}`,
    `/x/.%2E${path}`,
    `/x/..;${path}`,
    `/x/..\\${name}`,
    `/${encoded}`,
    `/${encoded.toUpperCase()}`,
    `${path}\\`,
    `\\${name}`,
    `/${name.toUpperCase()}`,
    `/${name[0]?.toUpperCase()}${name.slice(1)}`,
    `${path};a`,
    `${path};a=b`,
    `${path}%00`,
    `${path}%20`,
    `${path}%09`,
    `${path}%0d%0a`,
    `${path}%2f`,
    `${path}%3f`,
    `${path}%23`,
    `${path}#`,
    `${path}#x`,
    `${path}.`,
    `${path}..`,
    `${path}/.`,
    `${path}/..${path}`,
    `${path}.json`,
    `%2f${name}`,
    `/%2f${name}`,
    `http://127.0.0.1${path}`,
    `http://other.example${path}`,
    `http://127.0.0.1/x/..${path}`,
    `https://127.0.0.1${path}`,
    `//127.0.0.1${path}`,
    name,
    `*${path}`,
  ];
}

test("T-07: no spelling of a management path gets past the key", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start({ config: { server_key: KEY } });
  await FakeAgent.join(server, { id: "b", endpoint: backend.url, key: KEY });
  const clients = async () =>
    records((await server.call("GET", "/clients", { headers: { "X-API-Key": KEY } })).json).map(
      ({ client_id }) => client_id,
    );
  const json = registrationOf({ id: "intruder", endpoint: ENDPOINT });
  const ways = [
    ...spellings("/register").map((path) => ["POST", path] as const),
    ...spellings("/clients").map((path) => ["GET", path] as const),
  ];
  expect(ways.length).toBeGreaterThanOrEqual(60);
  for (const [method, path] of ways) {
    const got = await server.call(method, path, method === "POST" ? { json } : {});
    // What is not management goes to the backend, which answers with its name, or is refused.
    const isHarmless = got.status >= 400 || got.text === "b";
    expect({ method, path, isHarmless }).toEqual({ method, path, isHarmless: true });
  }
  expect(await clients()).toEqual(["b"]);
}, 30_000);

test("T-11: keys stand in no address, no command line, no metric and no database", async () => {
  await using server = await TestServer.start({ config: { server_key: KEY, log_level: "debug" } });
  await FakeAgent.join(server, { id: "b", endpoint: ENDPOINT, key: KEY });
  for (const path of [`/clients?key=${KEY}`, `/clients?api_key=${KEY}`, `/clients?X-API-Key=${KEY}`]) {
    expect((await server.call("GET", path)).status).toBe(401);
  }
  const bearer = { headers: { Authorization: `Bearer ${KEY}` } };
  expect((await server.call("GET", "/clients", bearer)).status).toBe(401);
  const metrics = await server.call("GET", "/metrics", { headers: { "X-API-Key": KEY } });
  expect(metrics.text).toContain("opsen_auth_failures_total 4");
  expect(metrics.text).not.toContain(KEY);
  expect(readFileSync(`/proc/${server.child.pid}/cmdline`, "latin1")).not.toContain(KEY);
  const database = join(server.dir, "opsen.db");
  await server.stop();
  expect(readFileSync(database, "latin1")).not.toContain(KEY);
  expect(server.child.output).not.toContain(KEY);
  // T-78: nobody else may read what it holds.
  expect(statSync(database).mode & 0o077).toBe(0);
});

test("T-23: a registration that is sent again without its token changes nothing", async () => {
  await using server = await TestServer.start();
  const agent = await FakeAgent.join(server, { id: "b", endpoint: ENDPOINT });
  await agent.report();
  const captured = registrationOf({ id: "b", endpoint: ENDPOINT });
  const replayed = await server.call("POST", "/register", { json: captured });
  expect(replayed.status).toBe(409);
  expect((await agent.report()).status).toBe(200);
});

test("T-24: no spelling of an address that only this host can reach is a backend's", async () => {
  await using server = await TestServer.start({
    config: { server_key: KEY, trusted_proxies: ["127.0.0.1"], rate_limit_per_minute: 0 },
  });
  const hosts = [
    "169.254.169.254",
    "169.254.170.2",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "0.0.0.0",
    "0",
    "[::]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "metadata.google.internal",
    "METADATA.GOOGLE.INTERNAL",
    "metadata.google.internal.",
    "instance-data",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[fe80::1]",
    "224.0.0.1",
    "239.255.255.250",
    "[ff02::1]",
    "255.255.255.255",
    "240.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
  ];
  const urls = [
    ...hosts.map((host) => `http://${host}:9001`),
    "file:///etc/passwd",
    "gopher://10.0.0.1:70/x",
    "ftp://10.0.0.1/x",
    "unix:/run/docker.sock",
    "http+unix://%2frun%2fdocker.sock/",
    "javascript:alert(1)",
    "http://token@10.0.0.1",
    "http://user:pass@10.0.0.1",
    "http://10.0.0.1#@169.254.169.254",
    "http://10.0.0.1\\@169.254.169.254",
    "http:/10.0.0.1",
    "//10.0.0.1",
    "http://",
    "http://10.0.0.1:99999",
    "http://10.0.0.1:-1",
    "http://10.0.0.1 .example",
    "http://10.0.0.1\r\nX: y",
  ];
  expect(urls.length).toBeGreaterThanOrEqual(60);
  for (const [at, url] of urls.entries()) {
    const got = await server.call("POST", "/register", {
      json: registrationOf({ id: `p${at}`, endpoint: url }),
      headers: { "X-API-Key": KEY, "X-Forwarded-For": "203.0.113.9" },
    });
    expect({ url, status: got.status }).toEqual({ url, status: 400 });
  }
  expect((await server.call("GET", "/clients", { headers: { "X-API-Key": KEY } })).json).toEqual([]);
});

test("T-26: a redirect to a metadata service is the client's to follow, not ours", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  const location = "http://169.254.169.254/latest/meta-data/";
  await using behind = await Behind.start(server, {
    respond: (_request, wire) =>
      wire.send(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
  });
  const got = await server.call("GET", "/x");
  expect([got.status, got.header("location")]).toEqual([302, location]);
  expect(behind.backend.requests).toHaveLength(1);
});

test("T-32: saying that one waits for events, or wants to upgrade, lifts no timeout", async () => {
  await using server = await TestServer.start({ config: { workers: 1, request_timeout_seconds: 1 } });
  await using behind = await Behind.start(server, { respond: () => new Promise(() => {}) }, { cores: 64 });
  const claims = [
    { Accept: "text/event-stream" },
    { Connection: "Upgrade", Upgrade: "foo" },
    { Connection: "Upgrade", Upgrade: "h2c" },
  ];
  const statuses = await Promise.all(
    claims.map(async (headers) => (await call(server.target, "GET", "/x", { headers })).status),
  );
  expect(statuses).toEqual([504, 504, 504]);
  expect(behind.backend.requests).toHaveLength(3);
});

test("T-35: adversarial paths cost no more than others of their length", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  const paths = ["/*a*a*a*a*a*a*a*a*a*a*b", "/api/*/*/*/*/*/x"];
  await FakeAgent.join(server, { id: "b", endpoints: [{ url: ENDPOINT, paths }] });
  await using client = await openClient(server.target);
  for (const path of [`/${"a".repeat(12_000)}`, `/api${"/a".repeat(6000)}`, `/${"%61".repeat(4000)}`]) {
    await client.send(`GET ${path} HTTP/1.1\r\nHost: t\r\n\r\n`);
    // A matcher that tries every split would not be done within the deadline of a lifetime.
    const got = await client.readResponse("GET", 2000);
    expect(got.startLine).toMatch(/^HTTP\/1\.1 (?:404|502|503) /);
  }
});

test("T-63: an answer of ours gives away neither backends nor versions", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => {
      wire.reset();
      return false;
    },
  });
  for (const path of ["/x", "/nowhere?tier=none"]) {
    const got = await server.call("POST", path, { body: "x" });
    expect(got.status).toBeGreaterThanOrEqual(400);
    const all = got.text + JSON.stringify(got.raw.headers);
    for (const secret of [String(behind.backend.port), "raw-", "Bun", "0.1.0", " at "]) {
      expect({ path, secret, leaked: all.includes(secret) }).toEqual({ path, secret, leaked: false });
    }
  }
  const relayed = record((await server.call("GET", "/health")).json);
  expect(string(relayed.status)).toBe("ok");
});
