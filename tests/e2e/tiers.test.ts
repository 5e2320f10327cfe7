/** Where a proxied request's tier comes from: body, query, header, default; seen by the lease it holds. */
import { afterAll, expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { record, records, string } from "../support/json.ts";
import { openClient, readFinal, requestBytes } from "../support/raw-client.ts";
import type { TestServer } from "../support/server.ts";

const TIERS = ["base", "body", "query", "header"].map((name) => ({ name, vcpu: 1 }));
const member = {
  name: "b",
  // Answers with the body's length, so that a test sees that all of it came through.
  handle: async (request: Request) => new Response(String((await request.arrayBuffer()).byteLength)),
  agent: { cores: 32 },
};

const cluster = await Cluster.start([member], {
  config: { tiers: TIERS, default_tier: "base", reservation: "timeout", tier_body_bytes: 1024 },
});
afterAll(() => cluster[Symbol.asyncDispose]());

interface Sent {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Sends one request and gives the tier of the reservation that it left, which is then dropped. */
async function tierOf(sent: Sent, server: TestServer = cluster.server): Promise<string> {
  const method = sent.body === undefined ? "GET" : "POST";
  const answer = await server.call(method, sent.path ?? "/", {
    ...(sent.headers && { headers: sent.headers }),
    ...(sent.body !== undefined && { body: sent.body }),
  });
  if (answer.status !== 200) return `${answer.status} ${answer.header("x-opsen-error")}`;
  expect(answer.text).toBe(String(sent.body?.length ?? 0));
  const { leases } = record((await server.call("GET", "/leases")).json);
  await server.call("POST", "/clients/purge-pending");
  return records(leases)
    .map((each) => string(each.tier))
    .join();
}

const JSON_TYPE = { "Content-Type": "application/json" };

test("body beats query beats header beats the default", async () => {
  const body = '{"a":[1,{"tier":"no"}],"tier":"body"}';
  const headers = { ...JSON_TYPE, "X-Tier": "header" };
  expect(await tierOf({ path: "/?tier=query", headers, body })).toBe("body");
  expect(await tierOf({ path: "/?tier=query", headers, body: '{"other":"body"}' })).toBe("query");
  expect(await tierOf({ path: "/?x=y", headers, body: "{}" })).toBe("header");
  expect(await tierOf({ headers: JSON_TYPE, body: "{}" })).toBe("base");
  expect(await tierOf({ path: "/x?a=b&tier=query" })).toBe("query");
  expect(await tierOf({ headers: { "x-tier": "header" } })).toBe("header");
  expect(await tierOf({})).toBe("base");
});

test("only JSON bodies are looked into, and only a string counts", async () => {
  const body = '{"tier":"body"}';
  expect(await tierOf({ headers: { "Content-Type": "text/plain" }, body })).toBe("base");
  expect(await tierOf({ headers: { "Content-Type": "application/json; charset=utf-8" }, body })).toBe("body");
  expect(await tierOf({ headers: JSON_TYPE, body: '{"tier":5}' })).toBe("base");
  expect(await tierOf({ headers: JSON_TYPE, body: "not json at all" })).toBe("base");
  expect(await tierOf({ headers: JSON_TYPE, body: '["tier","body"]' })).toBe("base");
});

test("escapes in names and values count", async () => {
  expect(await tierOf({ headers: JSON_TYPE, body: '{"t\\u0069er":"b\\u006fdy"}' })).toBe("body");
  expect(await tierOf({ path: "/?tie%72=que%72y" })).toBe("query");
});

test("a long body is searched up to tier_body_bytes and passes whole", async () => {
  const early = `{"tier":"body","pad":"${"x".repeat(100_000)}"}`;
  const late = `{"pad":"${"x".repeat(100_000)}","tier":"body"}`;
  expect(await tierOf({ headers: JSON_TYPE, body: early })).toBe("body");
  expect(await tierOf({ headers: JSON_TYPE, body: late })).toBe("base");
});

test("an unknown tier is a 400 wherever it comes from, and reaches no backend", async () => {
  const before = cluster.backend("b").hits;
  expect(await tierOf({ path: "/?tier=none" })).toBe("400 unknown_tier");
  expect(await tierOf({ headers: { "X-Tier": "none" } })).toBe("400 unknown_tier");
  expect(await tierOf({ headers: JSON_TYPE, body: '{"tier":"none"}' })).toBe("400 unknown_tier");
  expect(cluster.backend("b").hits).toBe(before);
});

test("the tier is found in chunks of one octet", async () => {
  const body = '{"tier":"body"}';
  await using client = await openClient(cluster.server.target);
  await client.send(requestBytes("POST", "/", { Host: "t", "Transfer-Encoding": "chunked", ...JSON_TYPE }));
  await client.sendSegments(Array.from(body).map((each) => `1\r\n${each}\r\n`));
  await client.send("0\r\n\r\n");
  expect((await readFinal(client, "POST")).text).toBe(String(body.length));
  const { leases } = record((await cluster.server.call("GET", "/leases")).json);
  expect(records(leases).map((each) => each.tier)).toEqual(["body"]);
  await cluster.server.call("POST", "/clients/purge-pending");
});

test("field and header can be named otherwise", async () => {
  const config = { tiers: TIERS, reservation: "timeout", tier_field_name: "plan", tier_header: "X-Plan" };
  await using other = await Cluster.start([member], { config });
  expect(await tierOf({ headers: JSON_TYPE, body: '{"tier":"query","plan":"body"}' }, other.server)).toBe(
    "body",
  );
  expect(await tierOf({ path: "/?plan=query&tier=body" }, other.server)).toBe("query");
  expect(await tierOf({ headers: { "X-Plan": "header", "X-Tier": "body" } }, other.server)).toBe("header");
  // No tier is called lite, so the first counts.
  expect(await tierOf({ headers: { "X-Tier": "body" } }, other.server)).toBe("base");
});
