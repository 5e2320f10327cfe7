/** The cache beside what else may lie between a client and a backend: our cookie, compression, strategies, message logs. */
import { expect, test } from "bun:test";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { header } from "../../../support/http-message.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";
import { CacheStand, HOST } from "./stand.ts";

/** Stale as it comes, so that no test has to wait. */
const STALE = { Age: "10", ETag: '"1"' };
const from = (address: string) => ({ "X-Forwarded-For": address });
const REFRESHED = "max-age=10, stale-while-revalidate=60";

test("our own cookie is no cookie to the cache, nor to who is asked behind the client's back", async () => {
  await using stand = await CacheStand.start({ sticky_cookie: "lb", cache_ttl_seconds: 60 });
  const ours = { Cookie: "lb=of-nobody" };
  // Only what no cookie can have shaped gets the operator's time.
  stand.on("/plain", (_request, wire) => answer(wire, 200, "plain"));
  await stand.get("/plain", ours);
  expect((await stand.get("/plain", ours)).header("cache-status")).toContain("hit");
  stand.on("/vary", "max-age=60", { Vary: "Cookie" });
  await stand.get("/vary");
  expect((await stand.get("/vary", ours)).header("cache-status")).toContain("hit");
  const both = { Cookie: "lb=of-nobody; a=1" };
  expect((await stand.get("/vary", both)).header("cache-status")).toContain("fwd=vary-miss");
  expect((await stand.get("/vary", { Cookie: "a=1" })).header("cache-status")).toContain("hit");
  stand.on("/stale", REFRESHED, STALE);
  await stand.get("/stale");
  await stand.get("/stale", ours);
  await eventually("the question", () => stand.asked("/stale").length === 2);
  expect(stand.asked("/stale").map((asked) => header(asked, "cookie"))).toEqual([null, null]);
});

test("what is asked behind the client's back is neither compressed nor logged for nobody", async () => {
  await using stand = await CacheStand.start({ compression_enabled: true, log_messages: true });
  const text = "text ".repeat(1000);
  const fields = { ...STALE, "Content-Type": "text/plain", "Cache-Control": REFRESHED };
  stand.on("/a", (_request, wire) => answer(wire, 200, text, fields));
  const ask = () => stand.get("/a", { "Accept-Encoding": "gzip" });
  await ask();
  expect((await ask()).header("content-encoding")).toBe("gzip");
  await eventually("what was fetched", () => stand.count("cache_stored") === 2);
  expect(stand.asked("/a")).toHaveLength(2);
  expect(stand.count("answers_compressed")).toBe(2);
  await eventually("the messages", () => stand.cell.log.split("response 200").length === 3);
  expect(stand.cell.log.split("request GET /a").length).toBe(3);
});

test("what is asked behind the client's back goes to the backend that the client itself would get", async () => {
  const asked: string[] = [];
  const backends = await Promise.all(
    ["one", "two", "three"].map((name) =>
      RawBackend.start({
        respond: ({ startLine }, wire) => {
          asked.push(`${startLine.split(" ")[1]} ${name}`);
          return answer(wire, 200, name, { ...STALE, "Cache-Control": REFRESHED });
        },
      }),
    ),
  );
  await using cell = await Cell.start({
    config: {
      cache_enabled: true,
      strategy: "ip_hash",
      ip_hash_header: "X-User",
      sticky_cookie: "lb",
    },
  });
  for (const { port } of backends) cell.add({ ports: [port] });
  const ask = (path: string, fields: Record<string, string>) =>
    call({ port: cell.port }, "GET", path, { headers: { Host: HOST, ...fields } });
  for (let user = 0; user < 8; user++) {
    const path = `/by-hash/${user}`;
    const fields = { "X-User": `user ${user}` };
    await ask(path, fields);
    await ask(path, fields);
    await eventually("the question", () => asked.filter((each) => each.startsWith(path)).length === 2);
    expect(new Set(asked.filter((each) => each.startsWith(path))).size).toBe(1);
  }
  for (let user = 0; user < 8; user++) {
    const path = `/by-cookie/${user}`;
    // The session is with the backend of one user, the hash of the second request means that of another.
    const cookie = (await ask(path, { "X-User": `user ${user}` })).header("set-cookie")?.split(";")[0] ?? "";
    await ask(path, { "X-User": `user ${user + 1}`, Cookie: cookie });
    await eventually("the question", () => asked.filter((each) => each.startsWith(path)).length === 2);
    expect(new Set(asked.filter((each) => each.startsWith(path))).size).toBe(1);
  }
  for (const backend of backends) await backend[Symbol.asyncDispose]();
});

test("who waits for a confirmation does not wait for the client that asked for it", async () => {
  await using stand = await CacheStand.start({ cache_coalesce_seconds: 60 });
  const body = Buffer.alloc(6_000_000, "x");
  const fields = { "Cache-Control": "max-age=1", ETag: '"1"' };
  stand.on("/a", (_request, wire) => answer(wire, 200, body, fields));
  await stand.get("/a");
  const isThere = { "Cache-Control": "only-if-cached" };
  await eventually("its end", async () => (await stand.get("/a", isThere)).status === 504);
  const before = stand.count("connections_accepted");
  const sent = stand.count("cache_bytes_out");
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  stand.on("/a", async (_request, wire) => {
    await hold;
    return wire.send("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n");
  });
  await using slow = await openClient({ port: stand.cell.port });
  slow.pause();
  await slow.send("GET /a HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the question", () => stand.asked("/a").length === 2);
  const waiting = stand.get("/a", { Range: "bytes=0-3" });
  await eventually("who waits", () => stand.count("connections_accepted") === before + 2);
  release();
  const waited = await waiting;
  expect([waited.status, waited.text]).toEqual([206, "xxxx"]);
  expect(waited.header("cache-status")).toContain("collapsed");
  expect(stand.count("cache_bytes_out") - sent).toBeLessThan(body.length);
  slow.resume();
  expect((await slow.readResponse()).body.length).toBe(body.length);
});

test("where backends are never asked for a coding, what clients accept keeps no responses apart", async () => {
  await using stand = await CacheStand.start({ upstream_disable_compression: true });
  stand.on("/a", "max-age=60", { Vary: "Accept-Encoding, X-A" });
  await stand.get("/a", { "Accept-Encoding": "gzip" });
  const hit = await stand.get("/a", { "Accept-Encoding": "br, zstd" });
  expect([hit.text, hit.header("vary")]).toEqual(["/a 1", "Accept-Encoding, X-A"]);
  expect((await stand.get("/a")).text).toBe("/a 1");
  expect((await stand.get("/a", { "X-A": "1" })).text).toBe("/a 2");
});

test("responses are kept apart by what their backend was told, not by what the client said", async () => {
  await using stand = await CacheStand.start({
    trusted_proxies: ["127.0.0.1"],
    cache_key_headers: ["X-Plan", "X-Forwarded-Proto"],
  });
  const kinds = async (path: string, all: readonly Record<string, string>[]) => {
    const seen: string[] = [];
    for (const fields of all) {
      seen.push(
        (await stand.get(path, fields)).header("cache-status")?.includes("hit") === true ? "hit" : "miss",
      );
    }
    return seen.join(" ");
  };
  stand.on("/by-address", "max-age=60", { Vary: "X-Real-IP" });
  const addresses = [
    from("192.0.2.1"),
    from("192.0.2.2"),
    { ...from("192.0.2.1"), "X-Real-IP": "192.0.2.2" },
  ];
  expect(await kinds("/by-address", addresses)).toBe("miss miss hit");
  stand.on("/by-chain", "max-age=60", { Vary: "X-Forwarded-For" });
  expect(await kinds("/by-chain", [{}, from("192.0.2.1"), from("127.0.0.1"), {}])).toBe("miss miss miss hit");
  // What Connection names goes no further (RFC 9110 section 7.6.1).
  stand.on("/by-language", "max-age=60", { Vary: "Accept-Language" });
  const french = { "Accept-Language": "fr" };
  const hidden = { ...french, Connection: "close, Accept-Language" };
  expect(await kinds("/by-language", [hidden, french, {}, french])).toBe("miss miss hit hit");
  stand.on("/by-plan", "max-age=60");
  const gold = { "X-Plan": "gold" };
  expect(await kinds("/by-plan", [{ ...gold, Connection: "close, X-Plan" }, gold, {}])).toBe("miss miss hit");
});

test("nobody gets what was answered to the certificate of another, nor by making one up", async () => {
  const [fallback, one, two] = [selfSigned(), selfSigned("one"), selfSigned("two")];
  await using stand = await CacheStand.start(
    { tls_client_auth: "optional" },
    { certificates: { fallback, named: [], clientCa: one.cert + two.cert } },
  );
  stand.on("/a", "max-age=60, public", { Vary: "X-Client-Cert-Subject" });
  const ask = async (
    client?: { cert: string; key: string },
    fields: Record<string, string> = {},
    path = "/a",
  ) => {
    const target = { port: stand.cell.port, ca: fallback.cert, ...(client !== undefined && { client }) };
    return (await call(target, "GET", path, { headers: { Host: HOST, ...fields } })).text;
  };
  const forged = { "X-Client-Cert-Subject": "CN=one" };
  const texts = [await ask(one), await ask(two), await ask(), await ask(undefined, forged), await ask(one)];
  expect(texts).toEqual(["/a 1", "/a 2", "/a 3", "/a 3", "/a 1"]);
  // A certificate shows who asks, as Authorization does.
  stand.on("/plain", "max-age=60");
  const plain: string[] = [];
  for (const client of [one, undefined, undefined, one]) plain.push(await ask(client, {}, "/plain"));
  expect(plain).toEqual(["/plain 1", "/plain 2", "/plain 2", "/plain 3"]);
});
