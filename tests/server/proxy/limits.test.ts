import { expect, test } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import { header } from "../../support/http-message.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { call, openClient } from "../../support/raw-client.ts";
import { Cell } from "./cell.ts";

/** Sends octets and gives the status and code of the one answer, which must be the last thing on the connection. */
async function refusal(cell: Cell, octets: string): Promise<string> {
  await using client = await openClient({ port: cell.port });
  await client.send(octets);
  const got = await client.readResponse();
  expect(header(got, "Connection")).toBe("close");
  expect(await client.readToEnd()).toHaveLength(0);
  return `${got.startLine.split(" ")[1]} ${header(got, "X-Opsen-Error")}`;
}

test("what is too large is refused with its own status, and no backend hears of it", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start({
    config: { max_header_bytes: 8192, max_headers: 64, proxy_max_request_body_bytes: 1000 },
  });
  cell.add({ ports: [backend.port] });
  const long = "a".repeat(9000);
  expect(await refusal(cell, `GET /${long} HTTP/1.1\r\nHost: t\r\n\r\n`)).toBe("414 uri_too_long");
  expect(await refusal(cell, `GET / HTTP/1.1\r\nHost: t\r\nX: ${long}\r\n\r\n`)).toBe("431 header_too_large");
  const lines = "X: y\r\n".repeat(100);
  expect(await refusal(cell, `GET / HTTP/1.1\r\nHost: t\r\n${lines}\r\n`)).toBe("431 header_too_large");
  expect(await refusal(cell, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n")).toBe(
    "413 body_too_large",
  );
  expect(
    await refusal(cell, "POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"),
  ).toBe("413 body_too_large");
  expect(await refusal(cell, "TRACE / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")).toBe(
    "501 not_implemented",
  );
  expect(
    await refusal(cell, "GET / HTTP/1.1\r\nHost: t\r\nVia: 1.1 opsen-test\r\nConnection: close\r\n\r\n"),
  ).toBe("508 loop");
  expect(backend.connections).toHaveLength(0);
});

test("a chunked body is cut at the limit and the backend's request is reset", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.readToEnd();
    },
  });
  await using cell = await Cell.start({ config: { proxy_max_request_body_bytes: 1000 } });
  cell.add({ ports: [backend.port] });
  const head = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  expect(await refusal(cell, `${head}1f4\r\n${"a".repeat(500)}\r\n1f5\r\n${"b".repeat(501)}\r\n`)).toBe(
    "413 body_too_large",
  );
  await eventually("no request is left half-sent", () =>
    backend.connections.every((wire) => wire.ending === "reset"),
  );
});

test("a rejected small body is read to its end, so that the connection can be used again", async () => {
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "ok") });
  await using cell = await Cell.start({ config: { proxy_endpoints: ["/api"] } });
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("POST /other HTTP/1.1\r\nHost: t\r\nContent-Length: 31\r\n\r\nGET /api/smug");
  expect((await client.readResponse()).startLine).toContain("404");
  await client.send(" HTTP/1.1\r\nHost: t\r\nGET /api/next HTTP/1.1\r\nHost: t\r\n\r\n");
  expect((await client.readResponse()).body.toString()).toBe("ok");
  expect(backend.requests.map((request) => request.startLine)).toEqual(["GET /api/next HTTP/1.1"]);
});

test("a head that does not come in time gets 408, silence gets silence", async () => {
  await using cell = await Cell.start({ config: { read_header_timeout_seconds: 1 } });
  await using slow = await openClient({ port: cell.port });
  await using silent = await openClient({ port: cell.port });
  await slow.send("GET / HT");
  const got = await slow.readResponse();
  expect(got.startLine).toContain("408");
  expect(header(got, "X-Opsen-Error")).toBe("slow_request");
  expect(await silent.readToEnd()).toHaveLength(0);
});

test("a backend that does not answer in time gives 504, one that does not finish is cut", async () => {
  await using mute = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd(30_000)) });
  await using cell = await Cell.start({
    config: { request_timeout_seconds: 1, stream_idle_timeout_seconds: 1 },
  });
  const { row } = cell.add({ ports: [mute.port] });
  const late = await call({ port: cell.port }, "POST", "/", { body: "x" });
  expect(late.status).toBe(504);
  expect(late.header("X-Opsen-Error")).toBe("gateway_timeout");
  expect(mute.connections).toHaveLength(1);
  cell.remove(row);
  await using stalling = await RawBackend.start({
    respond: (_request, wire) => wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
  });
  const next = cell.add({ ports: [stalling.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  expect((await client.readToEnd()).toString()).toEndWith("\r\n\r\nhalf");
  expect(cell.tables.backends.inFlight(next.row)).toBe(0);
});

test("a client that does not send its body in time gets 408", async () => {
  await using backend = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd()) });
  await using cell = await Cell.start({ config: { stream_idle_timeout_seconds: 1 } });
  cell.add({ ports: [backend.port] });
  expect(await refusal(cell, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\npartial")).toBe(
    "408 slow_request",
  );
  await eventually("the half request is reset", () => backend.connections[0]?.ending === "reset");
});

test("an idle connection is closed after idle_timeout_seconds", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start({ config: { idle_timeout_seconds: 1 } });
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  expect((await client.readResponse()).startLine).toContain("200");
  expect(await client.readToEnd()).toHaveLength(0);
  expect(client.ending).toBe("fin");
});

test("a body of any size passes with bounded memory: whoever does not read stops the other", async () => {
  const total = 32 * 1024 * 1024;
  let written = 0;
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      const piece = Buffer.alloc(1024 * 1024, 7);
      for (; written < total; written += piece.length) await wire.send(piece);
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  await client.readHead();
  client.pause();
  let last = -1;
  await eventually("the backend is stopped", async () => {
    const stopped = written === last;
    last = written;
    await Bun.sleep(200);
    return stopped;
  });
  // Kernel buffers of four sockets on loopback, and what we hold.
  expect(written).toBeLessThan(total * 0.75);
  client.resume();
  expect((await client.readBytes(total)).every((byte) => byte === 7)).toBe(true);
});

test("max_client_connections and max_connections_per_address are kept, and freed again", async () => {
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "ok") });
  for (const options of [{ maxClientConnections: 2 }, { config: { max_connections_per_address: 2 } }]) {
    await using cell = await Cell.start(options);
    cell.add({ ports: [backend.port] });
    const ask = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
    const held = [await openClient({ port: cell.port }), await openClient({ port: cell.port })];
    for (const client of held) {
      await client.send(ask);
      expect((await client.readResponse()).startLine).toContain("200");
    }
    await using third = await openClient({ port: cell.port });
    await third.send(ask).catch(() => {});
    expect(await third.readToEnd().catch(() => Buffer.alloc(0))).toHaveLength(0);
    await held[0]?.[Symbol.asyncDispose]();
    await eventually("room", () => cell.tables.clients.total < 2);
    expect((await call({ port: cell.port }, "GET", "/")).status).toBe(200);
    expect(cell.tables.counters.sum("connections_refused")).toBeGreaterThan(0);
    await held[1]?.[Symbol.asyncDispose]();
    await eventually("nobody", () => cell.tables.clients.total === 0);
  }
});

test("a proxy that is trusted may have any number of connections", async () => {
  await using cell = await Cell.start({
    config: { max_connections_per_address: 1, trusted_proxies: ["127.0.0.1"] },
  });
  const held = await Promise.all([1, 2, 3].map(() => openClient({ port: cell.port })));
  await eventually("three", () => cell.tables.clients.total === 3);
  for (const client of held) await client[Symbol.asyncDispose]();
});
