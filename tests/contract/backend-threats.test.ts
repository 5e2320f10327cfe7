/** Where calls and names may not have this server connect to, whoever makes or answers them. */
import { expect, test } from "bun:test";
import { DnsServer } from "../support/dns-server.ts";
import { eventually } from "../support/eventually.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, record, records } from "../support/json.ts";
import { RawBackend } from "../support/raw-backend.ts";
import type { CallOptions } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const KEY = "0123456789abcdef0123456789abcdef0123";
const CONFIG: Json = { workers: 1, server_key: KEY, trusted_proxies: ["127.0.0.1"] };

/** A call with the key by somebody on this host. */
function local(json?: unknown): CallOptions {
  return { ...(json === undefined ? {} : { json }), headers: { "X-API-Key": KEY } };
}

/** The same by somebody elsewhere, as a trusted proxy tells. */
function remote(json?: unknown): CallOptions {
  return { ...local(json), headers: { "X-API-Key": KEY, "X-Forwarded-For": "203.0.113.9" } };
}

async function ids(server: TestServer): Promise<unknown[]> {
  const list = record((await server.call("GET", "/backends", local())).json);
  return records(list.backends).map(({ id }) => id);
}

test("a key that is used from elsewhere adds nothing that this host alone can reach", async () => {
  await using inner = await RawBackend.start();
  await using server = await TestServer.start({ config: CONFIG });
  const entry = { id: "inner", url: inner.url };
  const answers: number[] = [];
  const changes = [
    ["POST", "/backends", entry],
    ["POST", "/backends", { id: "inner", url: `http://localhost:${inner.port}` }],
    ["POST", "/backends", { id: "inner", url: `http://[::1]:${inner.port}` }],
    ["POST", "/backends", { id: "named", dns: `http://localhost:${inner.port}` }],
    ["PATCH", "/config", { set: { backends: [entry] } }],
    ["PATCH", "/config", { set: { allowed_endpoint_cidrs: ["127.0.0.0/8"] } }],
    // Whose word counts for where a call comes from.
    ["PATCH", "/config", { set: { trusted_proxies: ["0.0.0.0/0"] } }],
    ["POST", "/backends", { id: "inner", url: "http://169.254.169.254" }],
    ["POST", "/backends", { id: "inner", url: "http://metadata.google.internal" }],
    ["POST", "/backends", { id: "inner", url: "file:///etc/passwd" }],
  ] as const;
  for (const [method, path, json] of changes) {
    answers.push((await server.call(method, path, remote(json))).status);
    expect({ json, ids: await ids(server) }).toEqual({ json, ids: [] });
  }
  // A name is followed, and all of its addresses are left out.
  expect(answers).toEqual([400, 400, 400, 201, 400, 400, 400, 400, 400, 400]);
  expect((await server.call("GET", "/x")).status).toBe(503);
  const refused = record((await server.call("POST", "/backends", remote(entry))).json);
  expect(String(refused.detail)).toContain("is a loopback address");
  expect(inner.connections).toHaveLength(0);
});

test("what somebody on this host added stays, whoever changes its terms, and over a restart", async () => {
  await using backend = new HttpBackend({ name: "own" });
  await using server = await TestServer.start({ config: CONFIG });
  const added = await server.call("POST", "/backends", local({ id: "own", url: backend.url }));
  expect(added.status).toBe(201);
  const weight = await server.call("PATCH", "/backends/own", remote({ weight: 3 }));
  expect(weight.status).toBe(200);
  expect((await server.call("PATCH", "/config", remote({ set: { stale_minutes: 9 } }))).status).toBe(200);
  expect((await server.call("GET", "/x")).text).toBe("own");
  await server.stop();
  await server.restart();
  expect((await server.call("GET", "/x")).text).toBe("own");
});

test("where the file lets backends live on loopback addresses, a key does from everywhere", async () => {
  await using backend = new HttpBackend({ name: "own" });
  await using server = await TestServer.start({
    config: { ...CONFIG, allowed_endpoint_cidrs: ["127.0.0.0/8", "10.0.0.0/8"] },
  });
  expect((await server.call("POST", "/backends", remote({ id: "own", url: backend.url }))).status).toBe(201);
  expect((await server.call("GET", "/x")).text).toBe("own");
});

test("a name that leads where no backend may be holds up neither the start nor anything else", async () => {
  await using dns = await DnsServer.start();
  await using inner = await RawBackend.start();
  await using backend = new HttpBackend({ name: "good" });
  dns.records.set("bad.test", { addresses: ["169.254.169.254"], ttlSeconds: 1 });
  await using server = await TestServer.start({
    config: {
      ...CONFIG,
      dns_servers: [`127.0.0.1:${dns.port}`],
      denied_endpoint_cidrs: ["127.0.0.9"],
      backends: [
        { id: "bad", dns: `bad.test:${inner.port}` },
        { id: "good", url: backend.url },
      ],
    },
  });
  expect(await ids(server)).toEqual(["good"]);
  dns.records.set("bad.test", { addresses: ["127.0.0.9", "127.0.0.2"], ttlSeconds: 1 });
  await eventually("the address that may be used", async () => (await ids(server)).includes("bad@127.0.0.2"));
  expect(await ids(server)).toEqual(["bad@127.0.0.2", "good"]);
  expect((await server.call("PATCH", "/config", remote({ set: { stale_minutes: 9 } }))).status).toBe(200);
  expect(server.logs().some(({ message }) => String(message).includes("address of a name is left out"))).toBe(
    true,
  );
});
