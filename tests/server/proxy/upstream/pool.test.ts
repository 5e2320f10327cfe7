import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

const GET = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";

/** Sends that many requests at the same time and waits for their answers. */
async function burst(cell: Cell, count: number): Promise<void> {
  const calls = Array.from({ length: count }, () => call({ port: cell.port }, "GET", "/"));
  for (const got of await Promise.all(calls)) expect(got.status).toBe(200);
}

/** A backend that answers when as many requests as wanted are waiting. */
async function gate(want: number): Promise<RawBackend> {
  const open = Promise.withResolvers<void>();
  return RawBackend.start({
    respond: async (_request, wire, backend) => {
      if (backend.requests.length >= want) open.resolve();
      await open.promise;
      await answer(wire, 200, "ok");
    },
  });
}

test("no more idle connections are kept than the limit says, and the warmest is used first", async () => {
  await using backend = await gate(6);
  await using cell = await Cell.start({ config: { pool_max_idle_per_endpoint: 2 } });
  cell.add({ ports: [backend.port] });
  await burst(cell, 6);
  expect(backend.connections).toHaveLength(6);
  await eventually("four are closed", () => backend.connections.filter((wire) => wire.ending).length === 4);
  for (let round = 0; round < 4; round++) await burst(cell, 1);
  expect(backend.connections).toHaveLength(6);
  const kept = backend.connections.filter((wire) => wire.ending === null);
  // Both served the burst; only one of them served what came after.
  const served = kept.map((wire) => wire.log.toString("latin1").split("GET / ").length - 1);
  expect(served.toSorted((a, b) => a - b)).toEqual([1, 5]);
});

test("idle connections end after pool_idle_timeout_seconds and with their backend", async () => {
  await using first = await RawBackend.start();
  await using second = await RawBackend.start();
  await using cell = await Cell.start({ config: { pool_idle_timeout_seconds: 1 } });
  const { row } = cell.add({ ports: [first.port] });
  await burst(cell, 1);
  cell.remove(row);
  await eventually("the pool of a removed backend is closed", () => first.connections[0]?.ending);
  cell.add({ ports: [second.port] });
  await burst(cell, 1);
  await eventually("an idle connection times out", () => second.connections[0]?.ending);
});

test("a request in flight outlives the removal of its backend", async () => {
  const finish = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await finish.promise;
      await answer(wire, 200, "finished");
    },
  });
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(GET);
  await eventually("the request has arrived", () => backend.requests.length === 1);
  cell.remove(row);
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(503);
  finish.resolve();
  expect((await client.readResponse()).body.toString()).toBe("finished");
  await eventually("its connection is not kept", () => backend.connections[0]?.ending);
});

test("a connection that the backend wants closed, or that authenticates a client, is not shared", async () => {
  const heads = ["Connection: close", "WWW-Authenticate: NTLM"];
  for (const head of heads) {
    await using backend = await RawBackend.start({
      respond: (_request, wire) => wire.send(`HTTP/1.1 200 OK\r\n${head}\r\nContent-Length: 0\r\n\r\n`),
    });
    await using cell = await Cell.start();
    cell.add({ ports: [backend.port] });
    await burst(cell, 1);
    await burst(cell, 1);
    expect(backend.connections).toHaveLength(2);
  }
});

test("an upload waits for a backend that does not read, and then arrives whole", async () => {
  const size = 32 * 1024 * 1024;
  const read = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    script: async (wire) => {
      wire.pause();
      await read.promise;
      wire.resume();
      await wire.readHead();
      const body = await wire.readBytes(size);
      await answer(wire, 200, String(body.every((byte) => byte === 9)));
    },
  });
  await using cell = await Cell.start({ config: { proxy_max_request_body_bytes: 0 } });
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(`POST / HTTP/1.1\r\nHost: t\r\nContent-Length: ${size}\r\n\r\n`);
  let isSent = false;
  const sent = client.send(Buffer.alloc(size, 9)).then(() => {
    isSent = true;
  });
  await eventually("the backend is connected", () => backend.connections.length === 1);
  // Long enough for loopback to carry all of it, if anybody took it.
  await Bun.sleep(500);
  expect(isSent).toBe(false);
  read.resolve();
  await sent;
  expect((await client.readResponse()).body.toString()).toBe("true");
});

test("with proxy_sse_flush_interval_ms pieces are gathered and still complete", async () => {
  const release = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await wire.sendSegments(["HTTP/1.1 200 OK\r\n\r\n", "one,", "two,", "three,"]);
      await release.promise;
      await wire.send("four");
      wire.finish();
      return false;
    },
  });
  await using cell = await Cell.start({ config: { proxy_sse_flush_interval_ms: 50 } });
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(GET);
  // All that came before arrives although the response goes on.
  await client.readThrough("three,");
  release.resolve();
  expect((await client.readThrough("0\r\n\r\n")).endsWith("four\r\n0\r\n\r\n")).toBe(true);
});

test("what is gathered waits for no timer at the end of a body, and events and bodies of unknown length never do", async () => {
  const heads = {
    counted: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    events: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 90\r\n\r\n",
    chunked: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  for (const [kind, head] of Object.entries(heads)) {
    const pieces = kind === "chunked" ? ["3\r\none\r\n", "6\r\ntwo...\r\n"] : ["one", "two..."];
    await using backend = await RawBackend.start({
      respond: async (_request, wire) => {
        await wire.sendSegments([head, ...pieces]);
        await wire.readToEnd();
        return false;
      },
    });
    // Far longer than the test may take.
    await using cell = await Cell.start({ config: { proxy_sse_flush_interval_ms: 60_000 } });
    cell.add({ ports: [backend.port] });
    await using client = await openClient({ port: cell.port });
    await client.send(GET);
    await client.readThrough("two...");
  }
});
