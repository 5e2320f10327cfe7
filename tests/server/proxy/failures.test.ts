import { expect, test } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import { header } from "../../support/http-message.ts";
import { answer, RawBackend, refusingPort } from "../../support/raw-backend.ts";
import { call, openClient } from "../../support/raw-client.ts";
import { Cell, TIERS } from "./cell.ts";

const GET = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";

/** Nothing is held once every request has ended. */
async function settled(cell: Cell, rows: readonly number[]): Promise<void> {
  await eventually("nothing in flight", () =>
    rows.every(
      (row) => cell.tables.backends.inFlight(row) === 0 && cell.tables.backends.leasedCores(row) === 0,
    ),
  );
}

test("a backend that refuses connections is not the client's problem, whatever the method", async () => {
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "second") });
  await using cell = await Cell.start();
  const dead = cell.add({ ports: [await refusingPort()], score: 0 });
  const live = cell.add({ ports: [backend.port], score: 10 });
  for (const method of ["GET", "POST"]) {
    const got = await call({ port: cell.port }, method, "/", method === "POST" ? { body: "once" } : {});
    expect(got.text).toBe("second");
  }
  expect(backend.requests.map((request) => request.body.toString())).toEqual(["", "once"]);
  await settled(cell, [dead.row, live.row]);
});

test("capacity that is reserved by time is given back at once where nothing was started", async () => {
  await using backend = await RawBackend.start();
  const tiers = TIERS.map((tier) => ({ ...tier, reservation: "timeout" as const }));
  await using cell = await Cell.start({ tiers });
  const dead = cell.add({ ports: [await refusingPort()], score: 0 });
  const live = cell.add({ ports: [backend.port], score: 10 });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(200);
  await eventually("nothing in flight", () =>
    [dead, live].every(({ row }) => cell.tables.backends.inFlight(row) === 0),
  );
  expect(cell.tables.backends.leasedCores(dead.row)).toBe(0);
  expect(cell.tables.backends.leasedCores(live.row)).toBe(1);
});

test("with no backend left the answer is 502, with none at all 503", async () => {
  await using cell = await Cell.start();
  const none = await call({ port: cell.port }, "GET", "/");
  expect(none.status).toBe(503);
  expect(none.header("X-Opsen-Error")).toBe("no_backend");
  expect(Number(none.header("Retry-After"))).toBeGreaterThan(0);
  expect(none.text).not.toContain("disabled");
  const dead = cell.add({ ports: [await refusingPort()] });
  const refused = await call({ port: cell.port }, "GET", "/");
  expect(refused.status).toBe(502);
  expect(refused.header("X-Opsen-Error")).toBe("bad_gateway");
  await settled(cell, [dead.row]);
  await cell[Symbol.asyncDispose]();
  expect(cell.log).toContain("the last: no connection (ECONNREFUSED)");
});

test("a stale pooled connection costs a GET nothing and a POST is never sent twice", async () => {
  await using backend = await RawBackend.start({
    respond: async (request, wire, self) => {
      if (self.requests.length % 2 === 0 && !request.startLine.includes("/fresh")) {
        // As if it had been closed as idle while the request was on its way.
        wire.reset();
        return false;
      }
      return answer(wire, 200, "ok");
    },
  });
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [backend.port] });
  expect((await call({ port: cell.port }, "GET", "/1")).status).toBe(200);
  expect((await call({ port: cell.port }, "GET", "/2")).status).toBe(200);
  expect(backend.requests.map((request) => request.startLine)).toEqual([
    "GET /1 HTTP/1.1",
    "GET /2 HTTP/1.1",
    "GET /2 HTTP/1.1",
  ]);
  expect((await call({ port: cell.port }, "POST", "/3", { body: "x" })).status).toBe(502);
  expect(backend.requests).toHaveLength(4);
  await settled(cell, [row]);
});

test("PUT is replayed with its body on another backend, once", async () => {
  await using reset = await RawBackend.start({
    respond: async (_request, wire) => {
      wire.reset();
      return false;
    },
  });
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "kept") });
  await using cell = await Cell.start();
  cell.add({ ports: [reset.port], score: 0 });
  cell.add({ ports: [backend.port], score: 10 });
  const got = await call({ port: cell.port }, "PUT", "/", { body: "content" });
  expect(got.text).toBe("kept");
  expect(backend.requests[0]?.body.toString()).toBe("content");
});

const CUT_RESPONSES = {
  "in a counted body": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
  "inside a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf",
  "in a chunk size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n1",
  "before the last chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
  "inside the end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
};

for (const [where, bytes] of Object.entries(CUT_RESPONSES)) {
  for (const how of ["fin", "reset"] as const) {
    test(`a response cut ${where} by ${how} is not passed off as complete`, async () => {
      await using backend = await RawBackend.start({
        respond: async (_request, wire) => {
          await wire.send(bytes);
          if (how === "fin") wire.finish();
          else wire.reset();
          return false;
        },
      });
      await using cell = await Cell.start();
      const { row } = cell.add({ ports: [backend.port] });
      await using client = await openClient({ port: cell.port });
      await client.send(GET);
      const seen = (await client.readToEnd()).toString("latin1");
      expect(seen).not.toContain("0\r\n\r\n");
      expect(seen.match(/HTTP\/1\.1 /g)?.length ?? 0).toBeLessThanOrEqual(1);
      await settled(cell, [row]);
    });
  }
}

test("an unframed body that is cut is a reset for an HTTP/1.0 client", async () => {
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
      wire.finish();
      return false;
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.0\r\n\r\n");
  await client.readToEnd();
  expect(client.ending).toBe("reset");
});

const BAD_RESPONSES = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
  "HTTP/1.1 2OO OK\r\n\r\n",
  "SSH-2.0-OpenSSH\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
];

test("a response that is not valid HTTP is a 502 and costs the backend its connection", async () => {
  let next = 0;
  await using backend = await RawBackend.start({
    respond: (_request, wire) => wire.send(BAD_RESPONSES[next++] ?? ""),
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  for (const _ of BAD_RESPONSES) {
    const got = await call({ port: cell.port }, "GET", "/");
    expect(got.status).toBe(502);
    expect(got.header("X-Opsen-Error")).toBe("bad_gateway");
  }
  expect(backend.connections).toHaveLength(BAD_RESPONSES.length);
});

test("bytes that nobody asked for close the connection and reach no other request", async () => {
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await answer(wire, 200, "asked");
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  for (let round = 0; round < 3; round++) {
    expect((await call({ port: cell.port }, "GET", "/")).text).toBe("asked");
    await eventually("the connection is closed", () =>
      backend.connections.every((wire) => wire.ending !== null),
    );
  }
  expect(backend.connections).toHaveLength(3);
});

test("a body that is malformed where it begins is a 502, not the beginning of an answer", async () => {
  const bodies = ["5\r\nhelloXX", "g\r\n", "5\r\nhello\r\n0\r\nbad line\r\n\r\n"];
  for (const body of bodies) {
    await using backend = await RawBackend.start({
      respond: async (_request, wire) => {
        await wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
        await wire.readToEnd();
        return false;
      },
    });
    await using cell = await Cell.start();
    cell.add({ ports: [backend.port] });
    const got = await call({ port: cell.port }, "GET", "/");
    expect([got.status, got.header("X-Opsen-Error")]).toEqual([502, "bad_gateway"]);
  }
});

test("an early answer is not lost to a client that goes on sending as fast as it can", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
      wire.finish();
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(`POST / HTTP/1.1\r\nHost: t\r\nContent-Length: ${2 ** 30}\r\n\r\n`);
  client.pause();
  // More than is discarded behind an answer, and than the kernel buffers, so that not all of it is taken.
  const sent = client.send(Buffer.alloc(32 * 1024 * 1024));
  await eventually("the answer is made", () => cell.log.includes(" 413 ") || backend.connections[0]?.ending);
  client.resume();
  expect((await client.readResponse("POST")).startLine).toContain("413");
  await client.readToEnd();
  await sent;
});

test("an early answer reaches a client that is still uploading", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
      wire.finish();
    },
  });
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\nbeginning");
  const got = await client.readResponse();
  expect(got.startLine).toContain("413");
  expect(header(got, "Connection")).toBe("close");
  await settled(cell, [row]);
});

test("a client that leaves while it waits frees backend and capacity, and nobody is blamed", async () => {
  for (const how of ["reset", "close"] as const) {
    await using backend = await RawBackend.start({ script: async (wire) => void (await wire.readHead()) });
    await using cell = await Cell.start();
    const { row } = cell.add({ ports: [backend.port] });
    await using client = await openClient({ port: cell.port });
    await client.send(GET);
    await eventually("the request has arrived", () => backend.connections[0]?.log.includes("\r\n\r\n"));
    if (how === "reset") client.reset();
    else await client[Symbol.asyncDispose]();
    await eventually("the backend's connection is gone", () => backend.connections[0]?.ending);
    await settled(cell, [row]);
    await eventually("the access line", () => cell.log.includes(" 499 "));
  }
});

test("a client that has said all with FIN still gets its answer", async () => {
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "late") });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  void client.send(GET);
  client.finish();
  expect((await client.readResponse()).body.toString()).toBe("late");
  await client.readToEnd();
  expect(client.ending).toBe("fin");
});

test("a half-closed client is asked whether it is there, and served however long the backend takes", async () => {
  const asked = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await asked.promise;
      await answer(wire, 200, "after a while");
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(GET);
  await eventually("the request has arrived", () => backend.requests.length === 1);
  client.finish();
  expect((await client.readResponse()).startLine).toContain("100");
  asked.resolve();
  expect((await client.readResponse()).body.toString()).toBe("after a while");
  await client.readToEnd();
  expect(client.ending).toBe("fin");
});

const CUT_UPLOADS: Readonly<Record<string, readonly [framing: string, body: string]>> = {
  "in the trailers": ["Transfer-Encoding: chunked", "0\r\nXX"],
  "in the trailers behind data": ["Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nXX: y\r\n"],
  "before the end of the last chunk": ["Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n"],
  "before the last chunk": ["Transfer-Encoding: chunked", "5\r\nhello\r\n"],
  "in a counted body": ["Content-Length: 10", "hello"],
};

for (const [where, [framing, body]] of Object.entries(CUT_UPLOADS)) {
  test(`an upload that ends ${where} is aborted, and never looks complete to the backend`, async () => {
    await using backend = await RawBackend.start({
      script: async (wire) => void (await wire.readToEnd()),
    });
    await using cell = await Cell.start();
    const { row } = cell.add({ ports: [backend.port] });
    for (const reached of [false, true]) {
      await using client = await openClient({ port: cell.port });
      const count = backend.connections.length;
      await client.send(`POST / HTTP/1.1\r\nHost: t\r\n${framing}\r\n\r\n${body}`);
      const connection = () => backend.connections[count];
      if (reached) await eventually("the request has arrived", () => connection()?.log.includes("\r\n\r\n"));
      client.finish();
      await client.readToEnd();
      await eventually("the backend hears of the end", () => connection()?.ending !== null);
      expect(connection()?.ending ?? "reset").toBe("reset");
      expect(connection()?.log.toString("latin1") ?? "").not.toMatch(/\r\n0\r\n/);
    }
    await settled(cell, [row]);
  });
}

test("an upload that is cut never looks complete to the backend", async () => {
  for (const head of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
    await using backend = await RawBackend.start({
      script: async (wire) => {
        await wire.readHead();
        await wire.readToEnd();
      },
    });
    await using cell = await Cell.start();
    const { row } = cell.add({ ports: [backend.port] });
    await using client = await openClient({ port: cell.port });
    await client.send(`POST / HTTP/1.1\r\nHost: t\r\n${head}\r\n\r\n5\r\nhel`);
    await eventually("the beginning has arrived", () => backend.connections[0]?.log.includes("hel"));
    client.finish();
    await eventually("the backend hears of the end", () => backend.connections[0]?.ending === "reset");
    expect(backend.connections[0]?.log.toString()).not.toMatch(/\r\n0\r\n\r\n$/);
    await settled(cell, [row]);
  }
});
