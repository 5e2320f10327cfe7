import { expect, test } from "bun:test";
import type { CachePurge, CacheReport } from "../../../../core/plane/cache.ts";
import { startApi } from "./support.ts";

const report: CacheReport = {
  entries: 2,
  bytes: 300,
  largest: [view("http://a/large", 200, 1), view("http://a/b", 50, 9)],
  mostUsed: [view("http://a/b", 50, 9), view("http://a/large", 200, 1)],
};

function view(url: string, bytes: number, hits: number) {
  return { url, status: 200, bytes, hits, ageSeconds: 3, ttlSeconds: 57, vary: "" };
}

function start(config = "cache_enabled: true") {
  const purges: CachePurge[] = [];
  const api = startApi({
    config,
    caches: {
      purge: async (purge) => purges.push(purge) + 6,
      report: async (most) => {
        const cut = {
          ...report,
          largest: report.largest.slice(0, most),
          mostUsed: report.mostUsed.slice(0, most),
        };
        return [cut, { entries: 1, bytes: 100, largest: [view("http://c/", 100, 4)], mostUsed: [] }];
      },
    },
  });
  return { api, purges };
}

test("GET /cache adds up what the workers hold", async () => {
  const { api } = start();
  api.tables.counters.inc(api.tables.worker, "cache_hits", 3);
  api.tables.counters.inc(api.tables.worker, "cache_stale_hits", 1);
  api.tables.counters.inc(api.tables.worker, "cache_misses", 4);
  const { status, json } = await api.call("GET", "/cache?limit=2");
  expect(status).toBe(200);
  expect(json).toMatchObject({
    enabled: true,
    entries: 3,
    bytes: 400,
    limits: { entries: 16_384 },
    hits: 3,
    misses: 4,
    hit_ratio: 0.5,
    most_used: [{ url: "http://a/b" }, { url: "http://a/large" }],
  });
  expect(json).toMatchObject({
    largest: [
      { url: "http://a/large", bytes: 200, hits: 1, age_seconds: 3, ttl_seconds: 57 },
      { url: "http://c/" },
    ],
  });
  expect((await api.call("GET", "/cache?limit=x")).status).toBe(400);
});

test("DELETE /cache says what to forget, in the spelling of what is stored", async () => {
  const { api, purges } = start();
  expect((await api.call("DELETE", "/cache")).json).toEqual({ purged: 7 });
  await api.call("DELETE", `/cache?url=${encodeURIComponent("HTTP://A.test:80/x?Y=1")}`);
  await api.call("DELETE", `/cache?prefix=${encodeURIComponent("https://a.test/x")}`);
  await api.call("DELETE", "/cache?prefix=/img/");
  expect(purges).toEqual([
    { kind: "all" },
    { kind: "url", value: "http://a.test/x?Y=1" },
    { kind: "prefix", value: "https://a.test/x" },
    { kind: "prefix", value: "/img/" },
  ]);
  for (const query of ["url=/a&prefix=/b", "url=a", "prefix=ftp://x/", "url="]) {
    expect((await api.call("DELETE", `/cache?${query}`)).status).toBe(400);
  }
  expect(purges).toHaveLength(4);
});

test("without a cache there is nothing to forget, and GET says so", async () => {
  const { api, purges } = start("");
  expect((await api.call("GET", "/cache")).json).toMatchObject({
    enabled: false,
    entries: 0,
    hit_ratio: null,
  });
  expect((await api.call("DELETE", "/cache")).status).toBe(409);
  expect(purges).toEqual([]);
});
