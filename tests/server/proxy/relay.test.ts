import { expect, test } from "bun:test";
import { header } from "../../support/http-message.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { call, openClient } from "../../support/raw-client.ts";
import { Cell } from "./cell.ts";

const GET = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";

async function pair(respond?: Parameters<typeof RawBackend.start>[0], config = {}) {
  const backend = await RawBackend.start(respond);
  const cell = await Cell.start({ config });
  cell.add({ ports: [backend.port] });
  return {
    backend,
    cell,
    async [Symbol.asyncDispose]() {
      await cell[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

test("a request goes to the backend and its answer comes back", async () => {
  await using both = await pair({
    respond: (_request, wire) => answer(wire, 200, "hello", { "X-From": "backend" }),
  });
  const got = await call({ port: both.cell.port }, "GET", "/a/b?c=d");
  expect(got.status).toBe(200);
  expect(got.text).toBe("hello");
  expect(got.header("X-From")).toBe("backend");
  expect(both.backend.requests[0]?.startLine).toBe("GET /a/b?c=d HTTP/1.1");
});

test("the backend hears who asks, and nothing of the client's own claims", async () => {
  await using both = await pair();
  await call({ port: both.cell.port }, "GET", "/", {
    headers: {
      "X-Forwarded-For": "1.2.3.4",
      "X-LB-Client-ID": "forged",
      "X-Opsen-Secret": "forged",
      Connection: "close, X-Hop",
      "X-Hop": "1",
      "X-Weird": "kept",
    },
  });
  const [request] = both.backend.requests;
  if (request === undefined) throw new Error("no request arrived");
  expect(header(request, "X-Forwarded-For")).toBe("127.0.0.1");
  expect(header(request, "X-LB-Client-ID")).toBe("backend-0");
  expect(header(request, "X-LB-Hostname")).toBe("host-0");
  expect(header(request, "X-Opsen-Secret")).toBeNull();
  expect(header(request, "X-Hop")).toBeNull();
  expect(header(request, "X-Weird")).toBe("kept");
  expect(header(request, "Via")).toBe("1.1 opsen-test");
  expect(header(request, "Host")).toBe(`127.0.0.1:${both.backend.port}`);
  expect(header(request, "X-Request-ID")).toMatch(/^[0-9a-z]+-1$/);
});

test("both sides keep their connections", async () => {
  await using both = await pair();
  await using client = await openClient({ port: both.cell.port });
  for (let round = 0; round < 5; round++) {
    await client.send(GET);
    expect((await client.readResponse()).startLine).toContain("200");
  }
  await call({ port: both.cell.port }, "GET", "/other-client");
  expect(both.backend.requests).toHaveLength(6);
  expect(both.backend.connections).toHaveLength(1);
});

test("pipelined requests are answered in order, one at a time", async () => {
  await using both = await pair({
    respond: (request, wire) => answer(wire, 200, request.startLine.split(" ")[1] ?? ""),
  });
  await using client = await openClient({ port: both.cell.port });
  const paths = Array.from({ length: 10 }, (_, index) => `/${index}`);
  await client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: t\r\n\r\n`).join(""));
  client.finish();
  for (const path of paths) expect((await client.readResponse()).body.toString()).toBe(path);
  expect(both.backend.connections).toHaveLength(1);
});

test("a malformed request behind a good one is refused, and nothing after it is read", async () => {
  await using both = await pair();
  await using client = await openClient({ port: both.cell.port });
  await client.send(`${GET}GET / HTTP/1.1\r\nHost : t\r\n\r\n${GET}`);
  expect((await client.readResponse()).startLine).toContain("200");
  const refused = await client.readResponse();
  expect(refused.startLine).toContain("400");
  expect(header(refused, "X-Opsen-Error")).toBe("bad_request");
  expect(header(refused, "Connection")).toBe("close");
  expect(await client.readToEnd()).toHaveLength(0);
  expect(both.backend.requests).toHaveLength(1);
});

test("chunked bodies pass both ways, re-framed, without extensions", async () => {
  await using both = await pair({
    respond: async (request, wire) => {
      const half = Math.ceil(request.body.length / 2);
      await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (const part of [request.body.subarray(0, half), request.body.subarray(half)]) {
        if (part.length > 0) await wire.send(`${part.length.toString(16)};x=y\r\n${part.toString()}\r\n`);
      }
      await wire.send("0\r\n\r\n");
    },
  });
  await using client = await openClient({ port: both.cell.port });
  await client.sendSegments([
    "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd",
    "\r\n2\r\nef\r\n0\r\n",
    "\r\n",
  ]);
  const got = await client.readResponse();
  expect(got.body.toString()).toBe("abcdef");
  expect(got.framing).toBe("chunked");
  expect(got.wireBody.toString()).not.toContain("x=y");
  const [request] = both.backend.requests;
  expect(request?.wireBody.toString()).not.toContain("a=b");
  expect(request?.body.toString()).toBe("abcdef");
});

test("a body that ends with the connection becomes chunked for HTTP/1.1 and stays so for HTTP/1.0", async () => {
  await using both = await pair({
    respond: async (_request, wire) => {
      await wire.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
      wire.finish();
      return false;
    },
  });
  const got = await call({ port: both.cell.port }, "GET", "/");
  expect(got.raw.framing).toBe("chunked");
  expect(got.text).toBe("until the end");
  await using old = await openClient({ port: both.cell.port });
  await old.send("GET / HTTP/1.0\r\n\r\n");
  const response = await old.readResponse();
  expect(response.framing).toBe("close");
  expect(response.body.toString()).toBe("until the end");
  expect(both.backend.connections).toHaveLength(2);
});

test("HEAD and 204 have no body, and a backend that sends one loses its connection", async () => {
  await using both = await pair({
    respond: (request, wire) =>
      request.startLine.startsWith("HEAD")
        ? wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        : wire.send("HTTP/1.1 204 No Content\r\n\r\n"),
  });
  await using client = await openClient({ port: both.cell.port });
  await client.send("HEAD / HTTP/1.1\r\nHost: t\r\n\r\n");
  const head = await client.readResponse("HEAD");
  expect(header(head, "Content-Length")).toBe("5");
  await client.send(GET);
  expect((await client.readResponse()).startLine).toContain("204");
  expect(client.pending).toHaveLength(0);
  expect(both.backend.connections).toHaveLength(2);
});

test("interim responses reach HTTP/1.1 clients, and Expect goes end to end", async () => {
  await using both = await pair({
    script: async (wire) => {
      const head = await wire.readHead();
      if (head.headers.some(([name, value]) => name === "Expect" && value === "100-continue")) {
        await wire.send("HTTP/1.1 100 Continue\r\n\r\n");
      }
      await wire.readBytes(5);
      await wire.send(
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      );
    },
  });
  await using client = await openClient({ port: both.cell.port });
  await client.send("PUT / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  expect((await client.readResponse()).startLine).toContain("100");
  await client.send("hello");
  const early = await client.readResponse();
  expect(early.startLine).toContain("103");
  expect(header(early, "Link")).toBe("</x>");
  expect((await client.readResponse()).body.toString()).toBe("ok");
});

test("trailers are forwarded only to clients that take them", async () => {
  await using both = await pair({
    respond: (_request, wire) =>
      wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"),
  });
  await using client = await openClient({ port: both.cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
  expect((await client.readResponse()).trailers).toEqual([["X-Sum", "7"]]);
  await client.send(GET);
  expect((await client.readResponse()).trailers).toEqual([]);
});

test("event streams arrive event by event", async () => {
  const released: (() => void)[] = [];
  await using both = await pair({
    respond: async (_request, wire) => {
      await wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
      for (const event of ["one", "two", "three"]) {
        await wire.send(`data: ${event}\n\n`);
        await new Promise<void>((resolve) => released.push(resolve));
      }
      wire.finish();
      return false;
    },
  });
  await using client = await openClient({ port: both.cell.port });
  await client.send("GET /events HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");
  for (const event of ["one", "two", "three"]) {
    // The backend goes on only after this has arrived.
    await client.readThrough(`data: ${event}\n\n`);
    released.shift()?.();
  }
  await client.readThrough("0\r\n\r\n");
});

function size(length: number): string {
  return `${length.toString(16)}\r\n`;
}

test("large bodies of pipelined requests come back as they were, however they are cut", async () => {
  await using backend = await RawBackend.start({
    respond: (request, wire) => answer(wire, 200, request.body),
  });
  await using cell = await Cell.start({ config: { proxy_max_request_body_bytes: 0 } });
  cell.add({ ports: [backend.port] });
  const bodies = Array.from({ length: 12 }, (_, index) => Buffer.alloc(100_000 + 7919 * index, `${index}-x`));
  const requests = bodies.map((body, index) => {
    const head = "POST / HTTP/1.1\r\nHost: t\r\n";
    if (index % 2 === 0) return [`${head}Content-Length: ${body.length}\r\n\r\n`, body];
    const half = body.length >> 1;
    return [
      `${head}Transfer-Encoding: chunked\r\n\r\n${size(half)}`,
      body.subarray(0, half),
      `\r\n${size(body.length - half)}`,
      body.subarray(half),
      "\r\n0\r\n\r\n",
    ];
  });
  const bytes = Buffer.concat(requests.flat().map((part) => Buffer.from(part)));
  for (const piece of [bytes.length, 50_021, 16_384]) {
    await using client = await openClient({ port: cell.port });
    const sent = (async () => {
      for (let at = 0; at < bytes.length; at += piece) await client.send(bytes.subarray(at, at + piece));
    })();
    for (const body of bodies) expect((await client.readResponse("POST")).body.equals(body)).toBe(true);
    await sent;
  }
});
