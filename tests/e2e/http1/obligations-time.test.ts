/** Obligations C-89 to C-100 in short: large bodies, slow peers, timeouts, limits. The only waits are the configured second. */
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { RawClient } from "../../conformance/raw.ts";
import { readRequests, readResponses, statusOf } from "../../conformance/strict.ts";
import { Behind } from "../../support/behind.ts";
import { eventually } from "../../support/eventually.ts";
import { answer } from "../../support/raw-backend.ts";
import { TestServer } from "../../support/server.ts";

const server = await TestServer.start({
  config: {
    workers: 1,
    proxy_max_request_body_bytes: 0,
    read_header_timeout_seconds: 1,
    request_timeout_seconds: 1,
    idle_timeout_seconds: 1,
    stream_idle_timeout_seconds: 1,
  },
});
afterAll(() => server[Symbol.asyncDispose]());

const MIB = 1_048_576;
/** Whatever an octet can be, in no short period. */
const BODY = Buffer.alloc(4 * MIB, Buffer.from(Array.from({ length: 65_521 }, (_, at) => (at * 31) % 256)));
const sha = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

const statusesOf = (client: RawClient): number[] =>
  readResponses(client.got, ["GET"], client.ending === "fin").messages.map(statusOf);
const answered = (client: RawClient, withinMs?: number): Promise<boolean> =>
  client.until(() => statusesOf(client).some((status) => status >= 200), withinMs);

test.each(["length", "chunked"])("C-89 a large upload (%s) arrives octet by octet", async (kind) => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => answer(wire, 200, sha(request.body)),
  });
  await using client = await RawClient.open(server.port);
  const body = BODY.toString("latin1");
  const framing = kind === "length" ? `Content-Length: ${body.length}` : "Transfer-Encoding: chunked";
  await client.send(`PUT /large HTTP/1.1\r\nHost: t\r\n${framing}\r\n\r\n`);
  for (let at = 0; at < body.length; at += 100_000) {
    const part = body.slice(at, at + 100_000);
    await client.send(kind === "length" ? part : `${part.length.toString(16)}\r\n${part}\r\n`);
  }
  if (kind === "chunked") await client.send("0\r\n\r\n");
  expect(await answered(client)).toBe(true);
  expect(client.got.slice(-64)).toBe(sha(BODY));
  expect(behind.backend.faults).toEqual([]);
});

test("C-89 an upload's beginning does not wait for its end", async () => {
  await using behind = await Behind.start(server);
  await using client = await RawClient.open(server.port);
  await client.send("PUT /begin HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nfirst");
  await eventually("the beginning", () => behind.backend.connections[0]?.log.includes("first"));
  await client.send("x".repeat(995));
  expect(await answered(client)).toBe(true);
});

test("C-90 a large download arrives octet by octet", async () => {
  await using behind = await Behind.start(server, { respond: (_request, wire) => answer(wire, 200, BODY) });
  await using client = await RawClient.open(server.port);
  await client.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
  const headEnd = (): number => client.got.indexOf("\r\n\r\n") + 4;
  expect(await client.until(() => client.got.length >= BODY.length + headEnd() && headEnd() > 3)).toBe(true);
  expect(sha(Buffer.from(client.got.slice(headEnd()), "latin1"))).toBe(sha(BODY));
  expect(behind.backend.faults).toEqual([]);
});

test("C-93 each event of a stream arrives before the next is written", async () => {
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
      for (let event = 1; event <= 5; event++) {
        await wire.send(`data: ${event}\n\n`);
        await eventually(`event ${event}`, () => client.got.includes(`data: ${event}\n\n`));
      }
      wire.finish();
    },
  });
  await using client = await RawClient.open(server.port);
  await client.send("GET /events HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");
  expect(await answered(client)).toBe(true);
  expect(readResponses(client.got, ["GET"], false).messages.map((each) => each.body)).toEqual([
    "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\n",
  ]);
  expect(behind.backend.faults).toEqual([]);
});

test("C-94 a head that trickles ends at its timeout", async () => {
  await using client = await RawClient.open(server.port);
  await client.send("GET /slow HTTP/1.1\r\nX-A: ");
  const trickle = setInterval(() => void client.send("s"), 50);
  const ended = await client.until(() => client.ending !== null, 5000);
  clearInterval(trickle);
  expect(ended).toBe(true);
  expect([[], [408]]).toContainEqual(statusesOf(client));
});

test("C-95 a body that stops ends at its timeout, and its request with it", async () => {
  await using behind = await Behind.start(server);
  await using client = await RawClient.open(server.port);
  await client.send("POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nx");
  expect(await client.until(() => client.ending !== null, 5000)).toBe(true);
  expect(statusesOf(client)).toEqual([408]);
  const [wire] = behind.backend.connections;
  await eventually("the end of the backend's request", () => wire?.ending);
  expect(readRequests(wire?.log.toString("latin1") ?? "").messages).toEqual([]);
});

test("C-96 a client that stops reading is let go, and its backend with it", async () => {
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
      for (let sent = 0; sent < 64 && wire.ending === null; sent++) void wire.send(BODY.subarray(0, MIB));
      await wire.readToEnd(60_000);
    },
  });
  await using client = await RawClient.open(server.port);
  await client.send("GET /paused HTTP/1.1\r\nHost: t\r\n\r\n");
  await client.until(() => client.got.length > 1000);
  client.pause();
  await eventually("the end of the backend's response", () => behind.backend.connections[0]?.ending, 8000);
});

test.each(["GET", "POST"])(
  "C-97 a backend that never answers %s is a 504 and not asked twice",
  async (method) => {
    await using behind = await Behind.start(server, { respond: () => new Promise(() => {}) });
    await using client = await RawClient.open(server.port);
    await client.send(`${method} /never HTTP/1.1\r\nHost: t\r\n\r\n`);
    expect(await answered(client, 5000)).toBe(true);
    expect(statusesOf(client)).toEqual([504]);
    expect(behind.backend.requests).toHaveLength(1);
  },
);

test("C-100 idle connections end at their timeout", async () => {
  await using behind = await Behind.start(server, {}, { cores: 64 });
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.open(server.port)));
  await Promise.all(
    clients.map(async (client) => {
      await client.send("GET /idle HTTP/1.1\r\nHost: t\r\n\r\n");
      expect(await answered(client)).toBe(true);
    }),
  );
  await Promise.all(clients.map((client) => client.until(() => client.ending !== null, 6000)));
  expect(clients.filter((client) => client.ending === null)).toHaveLength(0);
  expect(clients.flatMap(statusesOf)).toEqual(Array.from({ length: 40 }, () => 200));
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  expect(behind.backend.faults).toEqual([]);
});
