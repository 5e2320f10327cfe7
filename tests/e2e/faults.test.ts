/** Faults of clients and backends: the right code, nothing passed on, nothing passed off as complete. */
import { afterAll, expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { header, statusOf } from "../support/http-message.ts";
import { answer, RawBackend } from "../support/raw-backend.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({
  config: { workers: 1, proxy_max_request_body_bytes: 1000, max_header_bytes: 16_384, max_headers: 64 },
});
afterAll(() => server[Symbol.asyncDispose]());

const MALFORMED: readonly (readonly [what: string, bytes: string])[] = [
  ["no Host", "GET / HTTP/1.1\r\n\r\n"],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
  ["a bad Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  [
    "length and chunks",
    "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["two lengths", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"],
  ["a list of lengths", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3, 4\r\n\r\nabc"],
  ["a signed length", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +3\r\n\r\nabc"],
  ["a negative length", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n"],
  ["a hex length", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0x3\r\n\r\nabc"],
  ["an overflowing length", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551617\r\n\r\nabc"],
  ["an unknown coding", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  [
    "a coding that is not chunked",
    "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  ],
  ["chunked twice", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"],
  ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a blank before the colon", "GET / HTTP/1.1\r\nHost: t\r\nX-A : b\r\n\r\n"],
  ["a folded line", "GET / HTTP/1.1\r\nHost: t\r\nX-A: b\r\n c\r\n\r\n"],
  ["a blank first header line", "GET / HTTP/1.1\r\n Host: t\r\n\r\n"],
  ["a header without a colon", "GET / HTTP/1.1\r\nHost: t\r\nnonsense\r\n\r\n"],
  ["an empty name", "GET / HTTP/1.1\r\nHost: t\r\n: x\r\n\r\n"],
  ["NUL in a value", "GET / HTTP/1.1\r\nHost: t\r\nX-A: a\u0000b\r\n\r\n"],
  ["a bare CR in a value", "GET / HTTP/1.1\r\nHost: t\r\nX-A: a\rb\r\n\r\n"],
  ["a bare LF", "GET / HTTP/1.1\nHost: t\n\n"],
  ["a bare LF between headers", "GET / HTTP/1.1\r\nHost: t\nX: y\r\n\r\n"],
  ["a version that is none", "GET / HTTX/1.1\r\nHost: t\r\n\r\n"],
  ["HTTP/2.0 in text", "GET / HTTP/2.0\r\nHost: t\r\n\r\n"],
  ["two blanks", "GET  / HTTP/1.1\r\nHost: t\r\n\r\n"],
  ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: t\r\n\r\n"],
  ["a control character in the target", "GET /a\u0001 HTTP/1.1\r\nHost: t\r\n\r\n"],
  ["a target without a slash", "GET x HTTP/1.1\r\nHost: t\r\n\r\n"],
  ["no target", "GET HTTP/1.1\r\nHost: t\r\n\r\n"],
  ["TLS on a plain port", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n"],
  [
    "a bad chunk size",
    "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
  ],
  [
    "a signed chunk size",
    "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
  ],
  [
    "a chunk that is too long",
    "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
  ],
];

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n";

test.each(MALFORMED)(
  "%s is refused, the connection ends, and what follows is not read",
  async (_what, bytes) => {
    await using behind = await Behind.start(server);
    await using client = await openClient(server.target);
    await client.send(bytes + SMUGGLED);
    const response = await client.readResponse();
    expect(response.startLine).toMatch(/^HTTP\/1\.1 (?:400|405|431|501|505) /);
    expect(header(response, "x-opsen-error")).not.toBeNull();
    expect((await client.readToEnd()).toString("latin1")).not.toContain("HTTP/1.1");
    expect(behind.backend.requests).toEqual([]);
    for (const each of behind.backend.connections)
      expect(each.log.toString("latin1")).not.toContain("smuggled");
  },
);

test("limits: target 414, head 431, count 431, body 413", async () => {
  await using behind = await Behind.start(server);
  const cases: readonly (readonly [number, string, string])[] = [
    [414, "uri_too_long", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: t\r\n\r\n`],
    [431, "header_too_large", `GET / HTTP/1.1\r\nHost: t\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`],
    [431, "header_too_large", `GET / HTTP/1.1\r\nHost: t\r\n${"X: y\r\n".repeat(100)}\r\n`],
    [413, "body_too_large", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n"],
  ];
  for (const [status, code, bytes] of cases) {
    await using client = await openClient(server.target);
    await client.send(bytes);
    const response = await client.readResponse();
    expect([statusOf(response), header(response, "x-opsen-error")]).toEqual([status, code]);
    expect(header(response, "content-type")).toStartWith("text/plain");
  }
  expect(behind.backend.requests).toEqual([]);
  expect((await server.call("GET", "/still")).status).toBe(200);
});

test("a chunked body that grows over the limit is cut, and the backend sees no end of it", async () => {
  await using behind = await Behind.start(server);
  await using client = await openClient(server.target);
  await client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (let count = 0; count < 4; count++) await client.send(`190\r\n${"x".repeat(400)}\r\n`);
  expect(statusOf(await client.readResponse())).toBe(413);
  expect(behind.backend.requests).toEqual([]);
});

const RUBBISH: readonly (readonly [what: string, bytes: string])[] = [
  ["nonsense", "nonsense\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"],
  [
    "length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a bad length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
  ["a bad status", "HTTP/1.1 2OO OK\r\n\r\n"],
  ["a status below 100", "HTTP/1.1 99 OK\r\n\r\n"],
  ["NUL in a value", "HTTP/1.1 200 OK\r\nX: a\u0000b\r\nContent-Length: 0\r\n\r\n"],
  ["a header without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"],
  ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(100_000)}`],
  [
    "an upgrade that nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  ],
];

test.each(RUBBISH)("a backend that answers %s gives a 502", async (_what, bytes) => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => wire.send(bytes),
  });
  const got = await server.call("POST", "/bad", { body: "x" });
  expect([got.status, got.header("x-opsen-error")]).toEqual([502, "bad_gateway"]);
  expect(behind.backend.faults).toEqual([]);
});

test("an answer cut short never looks complete", async () => {
  const cuts = [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n0\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\nzz\r\n",
  ];
  for (const cut of cuts) {
    await using behind = await Behind.start(server, {
      respond: (_request, wire) => {
        void wire.send(cut).then(() => wire.finish());
        return false;
      },
    });
    await using client = await openClient(server.target);
    await client.send("GET /cut HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    const got = (await client.readToEnd()).toString("latin1");
    expect(got).not.toContain("\r\n0\r\n\r\n");
    // Either the answer had begun and is cut, or it had not and is a whole 502.
    if (got.startsWith("HTTP/1.1 200")) expect(got).not.toContain("HTTP/1.1 502");
    else expect(got).toStartWith("HTTP/1.1 502");
    expect(behind.backend.faults).toEqual([]);
  }
});

test("octets after an answer are never the next answer", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) =>
      wire.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmineHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
      ),
  });
  for (let round = 0; round < 3; round++) expect((await server.call("GET", "/q")).text).toBe("mine");
  expect(behind.backend.connections.length).toBe(3);
});

test("a client that leaves in the middle of its upload is not completed for it", async () => {
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.readThrough("part");
      begin();
      await wire.readToEnd();
      end(wire.log.toString("latin1"));
    },
  });
  await using agent = await Behind.start(server, {}, { endpoint: backend.url });
  await using client = await openClient(server.target);
  await client.send("POST /up HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  await began;
  client.reset();
  expect(await ended).not.toContain("\r\n0\r\n");
  expect(agent.backend.requests).toEqual([]);
});

test("a client that leaves early ends the request at the backend", async () => {
  const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => {
      ask();
      void wire.readToEnd().then(() => leave());
      return false;
    },
  });
  await using client = await openClient(server.target);
  await client.send("GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
  await asked;
  client.reset();
  await gone;
  expect(behind.backend.faults).toEqual([]);
});

test("errors on proxied paths are short text with a code, and say nothing about the fleet", async () => {
  const got = await server.call("GET", "/nobody");
  expect([got.status, got.header("x-opsen-error")]).toEqual([503, "no_backend"]);
  expect(got.header("retry-after")).toMatch(/^[1-9]\d*$/);
  expect(got.header("content-type")).toStartWith("text/plain");
  expect(got.text.length).toBeLessThan(200);
  await using behind = await Behind.start(server, {}, { cpu: 99 });
  const full = await server.call("GET", "/nobody");
  expect([full.status, full.header("x-opsen-error")]).toEqual([503, "no_capacity"]);
  expect(full.text).not.toMatch(/raw-|cpu|\d{2,}%/i);
  expect(await answerOf("/nobody?tier=none")).toEqual([400, "unknown_tier"]);
  expect(behind.backend.faults).toEqual([]);
});

async function answerOf(path: string): Promise<[number, string | null]> {
  const got = await server.call("GET", path);
  return [got.status, got.header("x-opsen-error")];
}

test("a backend's 404 is the backend's own", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => answer(wire, 404, "mine"),
  });
  const got = await server.call("GET", "/x");
  expect([got.status, got.text, got.header("x-opsen-error")]).toEqual([404, "mine", null]);
  expect(behind.backend.faults).toEqual([]);
});
