/** How what is stored is asked for again, replaced, made void, and used when nothing better can be had. */
import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { header } from "../../../support/http-message.ts";
import { answer } from "../../../support/raw-backend.ts";
import { CacheStand, type Script } from "./stand.ts";

/** Stale as it comes, so that no test has to wait. */
const STALE = { Age: "10", ETag: '"1"' };

test("a 304 freshens what is stored, field by field (RFC 9111 section 4.3.4)", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a", "max-age=10", {
    ...STALE,
    "X-A": "1",
    "X-B": "1",
    "Last-Modified": "Wed, 01 Jan 2020 00:00:00 GMT",
  });
  await stand.get("/a");
  stand.on("/a", (_request, wire) =>
    wire.send("HTTP/1.1 304 Not Modified\r\nX-A: 2\r\nSet-Cookie: c=1\r\nContent-Length: 99\r\n\r\n"),
  );
  const second = await stand.get("/a", { "If-None-Match": '"other"', Range: "bytes=0-1" });
  expect([second.status, second.text]).toEqual([206, "/a"]);
  expect(second.header("set-cookie")).toBe("c=1");
  expect(second.header("cache-status")).toMatch(/^Opsen; fwd=stale; fwd-status=304; ttl=\d+$/);
  const [, asked] = stand.asked("/a");
  if (asked === undefined) throw new Error("it was not asked for");
  expect(header(asked, "if-none-match")).toBe('"1"');
  expect(header(asked, "if-modified-since")).toBe("Wed, 01 Jan 2020 00:00:00 GMT");
  expect(header(asked, "range")).toBeNull();
  const third = await stand.get("/a");
  expect([third.text, third.header("x-a"), third.header("x-b"), third.header("set-cookie")]).toEqual([
    "/a 1",
    "2",
    "1",
    null,
  ]);
  expect(third.header("content-length")).toBe("4");
  expect(stand.asked("/a")).toHaveLength(2);
  expect(stand.count("cache_revalidations")).toBe(1);
  expect(stand.backend.connections).toHaveLength(1);
});

test("a client that has what is stored gets its own 304 once that has been confirmed", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a", "max-age=10", STALE);
  await stand.get("/a");
  stand.on("/a", (_request, wire) => wire.send("HTTP/1.1 304 Not Modified\r\n\r\n"));
  expect((await stand.get("/a", { "If-None-Match": '"1"' })).status).toBe(304);
  expect((await stand.get("/a")).text).toBe("/a 1");
});

test("another response takes the place of what was stored", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a", "max-age=10", STALE);
  await stand.get("/a");
  stand.on("/a", "max-age=10", { ETag: '"2"', "X-New": "1" });
  expect((await stand.get("/a")).header("x-new")).toBe("1");
  expect((await stand.get("/a")).header("etag")).toBe('"2"');
  expect(stand.asked("/a")).toHaveLength(2);
});

/** Answers with a head and nothing else. */
function head(fields: string): Script {
  return (_request, wire) => wire.send(`HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${fields}\r\n`);
}

test("HEAD tells whether what is stored still holds (RFC 9111 section 4.3.5)", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a", "max-age=10", STALE);
  await stand.get("/a");
  stand.on("/a", head('ETag: "1"\r\nX-New: 1\r\n'));
  expect((await stand.call("HEAD", "/a")).header("content-length")).toBe("4");
  const kept = await stand.get("/a");
  expect([kept.text, kept.header("x-new")]).toEqual(["/a 1", "1"]);
  stand.on("/a", head('ETag: "2"\r\n'));
  await stand.call("HEAD", "/a", { headers: { "Cache-Control": "no-cache" } });
  stand.on("/a", "max-age=60");
  expect((await stand.get("/a")).header("cache-status")).toContain("fwd=uri-miss");
});

test("what changes a resource makes void what was stored of it, if it works (RFC 9111 section 4.4)", async () => {
  await using stand = await CacheStand.start();
  const target = { Host: "a.test" };
  for (const path of ["/a", "/b", "/c", "/d"]) {
    stand.on(path, "max-age=60");
    await stand.get(path, target);
  }
  const change = async (path: string, status: number, fields: Record<string, string> = {}) => {
    stand.on(path, (_request, wire) => answer(wire, status, "", fields));
    await stand.call("POST", path, { headers: target, body: "x" });
    stand.on(path, "max-age=60");
  };
  await change("/a", 500);
  expect((await stand.get("/a", target)).header("cache-status")).toContain("hit");
  await change("/a", 303, { Location: "/b", "Content-Location": "http://a.test/c" });
  for (const path of ["/a", "/b", "/c"]) {
    expect((await stand.get(path, target)).header("cache-status")).toContain("fwd=uri-miss");
  }
  await change("/a", 200, { Location: "http://b.test/d" });
  expect((await stand.get("/d", target)).header("cache-status")).toContain("hit");
});

test("what was asked for before a change is not stored after it", async () => {
  await using stand = await CacheStand.start();
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  stand.on("/a", async (request, wire) => {
    if (request.startLine.startsWith("POST")) return answer(wire, 200, "");
    await hold;
    return answer(wire, 200, "old", { "Cache-Control": "max-age=60" });
  });
  const slow = stand.get("/a");
  await eventually("the request", () => stand.asked("/a").length === 1);
  await stand.call("POST", "/a", { body: "x" });
  release();
  expect((await slow).text).toBe("old");
  stand.on("/a", "max-age=60");
  expect((await stand.get("/a")).text).toBe("/a 1");
});

test("stale-while-revalidate answers at once and asks behind the client's back", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a", "max-age=10, stale-while-revalidate=60", STALE);
  await stand.get("/a", { Cookie: "s=1" });
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  stand.on("/a", async (_request, wire) => {
    await hold;
    return answer(wire, 200, "new", { "Cache-Control": "max-age=60" });
  });
  for (let round = 0; round < 3; round++) {
    const stale = await stand.get("/a", { Range: "bytes=0-", Cookie: "s=1" });
    expect(stale.text).toBe("/a 1");
    expect(stale.header("cache-status")).toMatch(/^Opsen; hit; ttl=-?\d+$/);
  }
  await eventually("the question", () => stand.asked("/a").length === 2);
  const [, asked] = stand.asked("/a");
  expect(asked && [header(asked, "if-none-match"), header(asked, "range"), header(asked, "cookie")]).toEqual([
    '"1"',
    null,
    "s=1",
  ]);
  release();
  await eventually("what is new", async () => (await stand.get("/a")).text === "new");
  expect(stand.asked("/a")).toHaveLength(2);
  expect(stand.count("cache_stale_hits")).toBeGreaterThanOrEqual(3);
  // The question itself is nobody's request.
  expect(stand.count("cache_misses")).toBe(1);
  expect(stand.cell.tables.backends.inFlight(0)).toBe(0);
});

test("errors and silence of backends are covered with what is stored, if that is allowed", async () => {
  await using stand = await CacheStand.start({ cache_stale_if_error_seconds: 30 });
  const paths = {
    "/a": "max-age=10",
    "/b": "max-age=10, must-revalidate",
    "/c": "max-age=10, stale-if-error=0",
  };
  for (const [path, text] of Object.entries(paths)) {
    stand.on(path, text, STALE);
    await stand.get(path);
    stand.on(path, (_request, wire) => answer(wire, 503, "sorry"));
  }
  const covered = await stand.get("/a");
  expect([covered.status, covered.text]).toEqual([200, "/a 1"]);
  expect(covered.header("cache-status")).toMatch(/^Opsen; fwd=stale; fwd-status=503; ttl=-?\d+$/);
  expect((await stand.get("/b")).status).toBe(503);
  expect((await stand.get("/c")).status).toBe(503);
  for (const path of Object.keys(paths)) {
    stand.on(path, (_request, wire) => {
      wire.reset();
      return false;
    });
  }
  expect((await stand.get("/a")).header("cache-status")).toContain("detail=bad_gateway");
  expect((await stand.get("/b")).status).toBe(502);
  stand.cell.remove(0);
  expect((await stand.get("/a")).header("cache-status")).toContain("detail=no_backend");
  expect((await stand.get("/c")).status).toBe(503);
});

test("purges forget what they mean, and what is on its way", async () => {
  await using stand = await CacheStand.start();
  const host = { Host: "a.test" };
  for (const path of ["/a", "/a/b", "/c"]) {
    stand.on(path, "max-age=60");
    await stand.get(path, host);
  }
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  stand.on("/late", async (_request, wire) => {
    await hold;
    return answer(wire, 200, "old", { "Cache-Control": "max-age=60" });
  });
  const late = stand.get("/late", host);
  await eventually("the request", () => stand.asked("/late").length === 1);
  stand.cell.apply({ type: "cache_purge", seq: 1, purge: { kind: "prefix", value: "http://a.test/a" } });
  release();
  await late;
  stand.cell.apply({ type: "cache_question", seq: 2, most: 10 });
  const { messages } = stand.cell;
  expect(messages.find((message) => message.type === "cache_purged")).toMatchObject({ seq: 1, entries: 2 });
  const report = messages.find((message) => message.type === "cache_report")?.report;
  expect(report?.largest.map(({ url }) => url)).toEqual(["http://a.test/c"]);
  expect(report?.mostUsed).toMatchObject([{ status: 200, bytes: 4, hits: 0 }]);
});
