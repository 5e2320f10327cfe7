/** What is answered from the cache, and what is not. */
import { expect, test } from "bun:test";
import { header } from "../../../support/http-message.ts";
import { answer } from "../../../support/raw-backend.ts";
import { CacheStand } from "./stand.ts";

test("a stored response is answered with its age, and says so", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a?b=c", "max-age=60", { ETag: '"1"', "X-From": "backend", Age: "7" });
  const first = await stand.get("/a?b=c");
  expect(first.header("cache-status")).toBe("Opsen; fwd=uri-miss; fwd-status=200; stored");
  const second = await stand.get("/a?b=c");
  expect(second.status).toBe(200);
  expect(second.text).toBe("/a?b=c 1");
  expect(second.header("x-from")).toBe("backend");
  expect(second.header("content-length")).toBe("8");
  expect(second.header("date")).toBe(first.header("date"));
  expect(second.header("age")).toMatch(/^[78]$/);
  expect(second.header("cache-status")).toMatch(/^Opsen; hit; ttl=5[12]$/);
  expect(stand.asked("/a?b=c")).toHaveLength(1);
  expect([stand.count("cache_hits"), stand.count("cache_misses"), stand.count("cache_stored")]).toEqual([
    1, 1, 1,
  ]);
  expect(stand.count("cache_bytes_out")).toBe(8);
  expect(stand.count("requests")).toBe(2);
  expect(stand.cell.tables.backends.inFlight(0)).toBe(0);
});

test("without the cache nothing is kept and nothing is said", async () => {
  await using stand = await CacheStand.start({ cache_enabled: false });
  stand.on("/a", "max-age=60");
  await stand.get("/a");
  expect((await stand.get("/a")).header("cache-status")).toBeNull();
  expect(stand.asked("/a")).toHaveLength(2);
});

test("HEAD, conditions and ranges are answered from what a GET has brought", async () => {
  await using stand = await CacheStand.start();
  const modified = "Wed, 01 Jan 2020 00:00:00 GMT";
  stand.on("/a", (_request, wire) =>
    answer(wire, 200, "0123456789", {
      "Cache-Control": "max-age=60",
      ETag: '"e"',
      "Last-Modified": modified,
      "Content-Type": "text/x",
    }),
  );
  await stand.get("/a");
  const head = await stand.call("HEAD", "/a");
  expect([head.status, head.header("content-length"), head.text]).toEqual([200, "10", ""]);
  const same = await stand.get("/a", { "If-None-Match": '"x", W/"e"' });
  expect([same.status, same.text, same.header("etag")]).toEqual([304, "", '"e"']);
  expect([same.header("content-type"), same.header("content-length")]).toEqual([null, null]);
  expect((await stand.get("/a", { "If-Modified-Since": modified })).status).toBe(304);
  expect((await stand.get("/a", { "If-None-Match": '"x"' })).text).toBe("0123456789");
  const part = await stand.get("/a", { Range: "bytes=2-4" });
  expect([part.status, part.text]).toEqual([206, "234"]);
  expect(part.header("content-range")).toBe("bytes 2-4/10");
  expect((await stand.get("/a", { Range: "bytes=-2", "If-Range": '"e"' })).text).toBe("89");
  expect((await stand.get("/a", { Range: "bytes=-2", "If-Range": '"x"' })).text).toBe("0123456789");
  const beyond = await stand.get("/a", { Range: "bytes=10-" });
  expect([beyond.status, beyond.header("content-range")]).toEqual([416, "bytes */10"]);
  expect(stand.asked("/a")).toHaveLength(1);
});

test("who shows who they are, and what is said to be for one alone, go by the cache", async () => {
  await using stand = await CacheStand.start();
  stand.on("/plain", "max-age=60");
  stand.on("/public", "max-age=60, public");
  stand.on("/private", "max-age=60, private");
  const key = { Authorization: "Basic x" };
  for (const path of ["/plain", "/private"]) {
    await stand.get(path, key);
    await stand.get(path);
    await stand.get(path, key);
  }
  expect(stand.asked("/plain")).toHaveLength(3);
  expect(stand.asked("/private")).toHaveLength(3);
  await stand.get("/public", key);
  await stand.get("/public", { "X-API-Key": "k" });
  expect(stand.asked("/public")).toHaveLength(1);
});

test("cookies are set for many only where that is allowed", async () => {
  const cookie = { "Set-Cookie": "a=b" };
  await using stand = await CacheStand.start({ cache_ttl_seconds: 60 });
  stand.on("/a", "max-age=60", cookie);
  stand.on("/b", "s-maxage=60", cookie);
  stand.on("/c", "x=y");
  for (const path of ["/a", "/a", "/b"]) await stand.get(path);
  expect(stand.asked("/a")).toHaveLength(2);
  expect((await stand.get("/b")).header("set-cookie")).toBe("a=b");
  // The operator's own time is no statement of the backend: a cookie may have shaped the answer.
  for (const headers of [{ Cookie: "a=1" }, { Cookie: "a=2" }, {}, {}]) await stand.get("/c", headers);
  expect(stand.asked("/c")).toHaveLength(3);
  await using lax = await CacheStand.start({ cache_set_cookie: true });
  lax.on("/a", "max-age=60", cookie);
  await lax.get("/a");
  expect((await lax.get("/a")).header("set-cookie")).toBe("a=b");
  expect(lax.asked("/a")).toHaveLength(1);
});

test("Vary, key headers and hosts keep responses apart", async () => {
  await using stand = await CacheStand.start({ cache_key_headers: ["X-Plan"], preserve_host: true });
  stand.on("/v", "max-age=60", { Vary: "Accept-Language" });
  stand.on("/k", "max-age=60");
  const texts = async (path: string, all: readonly Record<string, string>[]) => {
    const got: string[] = [];
    for (const headers of all) got.push((await stand.get(path, headers)).text.slice(-1));
    return got.join("");
  };
  const languages = ["de, en", "en,DE", "fr", "fr"].map((value) => ({ "Accept-Language": value }));
  expect(await texts("/v", [...languages, {}, languages[0] ?? {}])).toBe("112231");
  expect(await texts("/k", [{ "X-Plan": "a" }, { "X-Plan": "b" }, {}, { "X-Plan": "a" }])).toBe("1231");
  expect(await texts("/k", [{ Host: "x.test" }, { Host: "X.test:80" }, { Host: "y.test" }])).toBe("445");
});

test("what could mean something else than it says is not stored, nor answered from the store", async () => {
  await using stand = await CacheStand.start({ cache_exclude_paths: ["/api/*/live", "/off"] });
  for (const path of ["/a", "/off/x", "/api/v1/live", "/offer"]) {
    stand.on(path, "max-age=60");
    await stand.get(path);
    await stand.get(path);
  }
  await stand.get("/a", { "X-HTTP-Method-Override": "DELETE" });
  await stand.get("/a", { "If-Match": '"x"' });
  expect(stand.asked("/a")).toHaveLength(3);
  expect(stand.asked("/off/x")).toHaveLength(2);
  expect(stand.asked("/api/v1/live")).toHaveLength(2);
  expect(stand.asked("/offer")).toHaveLength(1);
  expect((await stand.get("/off/x")).header("cache-status")).toBe("Opsen; fwd=bypass");
});

test("clients may ask for what is new, for nothing but what is stored, and that nothing be stored", async () => {
  await using stand = await CacheStand.start();
  stand.on("/a", "max-age=60", { ETag: '"1"' });
  const only = await stand.get("/a", { "Cache-Control": "only-if-cached" });
  expect([only.status, only.header("cache-status")]).toEqual([504, "Opsen; fwd=uri-miss"]);
  await stand.get("/a", { "Cache-Control": "no-store" });
  await stand.get("/a");
  expect((await stand.get("/a", { "Cache-Control": "only-if-cached" })).text).toBe("/a 2");
  await stand.get("/a", { Pragma: "no-cache" });
  const [, , third] = stand.asked("/a");
  expect(third && header(third, "if-none-match")).toBe('"1"');
  await using stubborn = await CacheStand.start({ cache_client_directives: false });
  stubborn.on("/a", "max-age=60");
  await stubborn.get("/a");
  expect((await stubborn.get("/a", { "Cache-Control": "no-cache" })).text).toBe("/a 1");
});

test("a response that breaks off is not stored, whatever its framing", async () => {
  await using stand = await CacheStand.start();
  const head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
  const cut = async (path: string, octets: string) => {
    stand.on(path, async (_request, wire) => {
      await wire.send(`${head}${octets}`);
      wire.finish();
      return false;
    });
    await stand.get(path).catch(() => null);
    await stand.get(path).catch(() => null);
    return stand.asked(path).length;
  };
  expect(await cut("/length", "Content-Length: 10\r\n\r\nabc")).toBe(2);
  expect(await cut("/chunked", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")).toBe(2);
  expect(await cut("/close", "\r\nabc")).toBe(2);
  expect(stand.count("cache_stored")).toBe(0);
});

test("chunked bodies are stored whole; those with trailers, too large ones and event streams are not", async () => {
  await using stand = await CacheStand.start({ cache_max_object_bytes: 100_000 });
  const sends = (path: string, octets: string) =>
    stand.on(path, (_request, wire) =>
      wire.send(`HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${octets}`),
    );
  const large = "x".repeat(60_000);
  sends("/chunked", `Transfer-Encoding: chunked\r\n\r\nea60\r\n${large}\r\n3\r\nabc\r\n0\r\n\r\n`);
  sends("/trailers", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
  sends("/large", `Content-Length: 120000\r\n\r\n${large}${large}`);
  sends("/grows", `Transfer-Encoding: chunked\r\n\r\nea60\r\n${large}\r\nea60\r\n${large}\r\n0\r\n\r\n`);
  sends("/events", "Content-Type: text/event-stream\r\nContent-Length: 3\r\n\r\n:\r\n");
  for (const path of ["/chunked", "/trailers", "/large", "/grows", "/events"]) {
    const first = await stand.get(path);
    expect((await stand.get(path)).text).toBe(first.text);
  }
  expect(stand.asked("/chunked")).toHaveLength(1);
  for (const path of ["/trailers", "/large", "/grows", "/events"]) expect(stand.asked(path)).toHaveLength(2);
});
