/** The cache of the compiled server, over several workers, with its calls of management. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { number, record, records } from "../support/json.ts";

let version = 1;
let asked = 0;
const member = {
  name: "origin",
  handle: (request: Request) => {
    if (request.method !== "GET") return new Response(null, { status: 204 });
    asked++;
    return new Response(`v${version}`, { headers: { "Cache-Control": "max-age=600" } });
  },
  agent: { cores: 32 },
};
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start([member], { config: { workers: 2, cache_enabled: true } });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Asks on new connections until every worker has answered from its cache; what was said. */
async function texts(path: string, count = 16): Promise<Set<string>> {
  const answers = await Promise.all(Array.from({ length: count }, () => cluster.server.call("GET", path)));
  return new Set(answers.map(({ text }) => text));
}

async function state() {
  return record((await cluster.server.call("GET", "/cache?limit=50")).json);
}

test("every worker answers from its cache, and one change makes void what all of them hold", async () => {
  await texts("/a");
  const before = asked;
  await eventually("a round without a question", async () => {
    const now = asked;
    await texts("/a");
    return asked === now;
  });
  expect(asked - before).toBeLessThanOrEqual(2);
  version = 2;
  expect(await texts("/a")).toEqual(new Set(["v1"]));
  expect((await cluster.server.call("POST", "/a", { body: "x" })).status).toBe(204);
  expect(await texts("/a")).toEqual(new Set(["v2"]));
});

test("management shows what is stored and purges it from all workers", async () => {
  await texts("/b/1");
  await texts("/b/2");
  const stored = await state();
  expect(stored.enabled).toBe(true);
  expect(number(stored.hits)).toBeGreaterThan(0);
  const urls = records(stored.largest).map(({ url }) => String(url));
  expect(urls.some((url) => url.endsWith("/b/1"))).toBe(true);
  version = 3;
  const purged = record((await cluster.server.call("DELETE", "/cache?prefix=/b/")).json);
  expect(number(purged.purged)).toBeGreaterThanOrEqual(2);
  expect(await texts("/b/1")).toEqual(new Set(["v3"]));
  expect(await texts("/a")).toEqual(new Set(["v2"]));
  await cluster.server.call("DELETE", "/cache");
  expect((await state()).entries).toBe(0);
  expect(await texts("/a")).toEqual(new Set(["v3"]));
  const metrics = await cluster.server.call("GET", "/metrics");
  expect(metrics.text).toMatch(/^opsen_cache_hits_total [1-9]/m);
  expect(metrics.text).toMatch(/^opsen_cache_entries [12]$/m);
  expect(metrics.text).toMatch(/^opsen_cache_bytes [1-9]\d+$/m);
});

test("a key that may only read looks, and does not purge", async () => {
  const keys = [
    { name: "reader", key: "reader-key-0123456789", scopes: ["read"] },
    { name: "boss", key: "admin-key-0123456789", scopes: ["admin"] },
  ];
  await using guarded = await Cluster.start([], { config: { cache_enabled: true, api_keys: keys } });
  const call = async (method: string, key: string) =>
    (await guarded.server.call(method, "/cache", { headers: { "X-API-Key": key } })).status;
  expect(await call("GET", "reader-key-0123456789")).toBe(200);
  expect(await call("DELETE", "reader-key-0123456789")).toBe(403);
  expect(await call("DELETE", "admin-key-0123456789")).toBe(200);
});
