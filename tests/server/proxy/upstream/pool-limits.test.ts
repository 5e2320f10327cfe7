/** The keys about connections to backends, each by what a backend sees of it. */
import { expect, test } from "bun:test";
import { lifetimeMs } from "../../../../server/proxy/net/wiring.ts";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { socketsTo } from "../../../support/kernel-sockets.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

const FOR_EVER = 3600;

async function ask(cell: Cell, path = "/"): Promise<string> {
  return (await call({ port: cell.port }, "GET", path)).text;
}

/** Answers once so many requests are waiting, so that each has a connection of its own. */
function together(count: number): Promise<RawBackend> {
  const open = Promise.withResolvers<void>();
  return RawBackend.start({
    respond: async (_request, wire, backend) => {
      if (backend.requests.length >= count) open.resolve();
      await open.promise;
      await answer(wire, 200, "ok");
    },
  });
}

test("pool_max_idle counts the idle connections to all backends, and the one that was idle for longest goes", async () => {
  await using first = await together(2);
  await using second = await together(1);
  await using cell = await Cell.start({
    config: { pool_max_idle: 2, pool_idle_timeout_seconds: FOR_EVER },
  });
  cell.add({ ports: [first.port], patterns: [["/first"]] });
  cell.add({ ports: [second.port], patterns: [["/second"]] });
  await Promise.all([ask(cell, "/first"), ask(cell, "/first")]);
  expect(first.connections.map((wire) => wire.ending)).toEqual([null, null]);
  await ask(cell, "/second");
  await eventually("one is closed", () => first.connections.some((wire) => wire.ending === "fin"));
  // What is used leaves the list, and comes back as the latest.
  await ask(cell, "/first");
  await ask(cell, "/second");
  await ask(cell, "/first");
  expect([first.connections.length, second.connections.length]).toEqual([2, 1]);
  expect(first.connections.filter((wire) => wire.ending === null)).toHaveLength(1);
});

test("a connection that is pool_max_lifetime_seconds old is closed while it is idle", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start({
    config: { pool_max_lifetime_seconds: 1, pool_idle_timeout_seconds: FOR_EVER },
  });
  cell.add({ ports: [backend.port] });
  await ask(cell);
  await eventually("it is closed", () => backend.connections[0]?.ending === "fin");
  await ask(cell);
  expect(backend.connections).toHaveLength(2);
});

test("a request that is under way at that age is finished, and no other one follows on its connection", async () => {
  await using backend = await RawBackend.start({
    respond: async (_request, wire, self) => {
      if (self.requests.length === 1) await Bun.sleep(1100);
      await answer(wire, 200, "whole");
    },
  });
  await using cell = await Cell.start({ config: { pool_max_lifetime_seconds: 1 } });
  cell.add({ ports: [backend.port] });
  expect(await ask(cell)).toBe("whole");
  expect(await ask(cell)).toBe("whole");
  expect(backend.connections).toHaveLength(2);
  expect(backend.connections[0]?.ending).toBe("fin");
});

test("connections that were made together do not end together", () => {
  const limits = { maxLifetimeMs: 1000 };
  expect([0, 0.5, 1].map((random) => lifetimeMs(limits, random))).toEqual([1000, 950, 900]);
  expect(lifetimeMs({ maxLifetimeMs: 0 }, 1)).toBe(Number.POSITIVE_INFINITY);
});

test("without upstream_keepalive each request has a connection of its own, which is told to close", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start({ config: { upstream_keepalive: false } });
  cell.add({ ports: [backend.port] });
  for (let round = 0; round < 3; round++) await ask(cell);
  await eventually("all are closed", () => backend.connections.every((wire) => wire.ending === "fin"));
  expect(backend.connections).toHaveLength(3);
  const closes = backend.requests.map(
    (request) => request.headers.find(([name]) => name === "Connection")?.[1],
  );
  expect(closes).toEqual(["close", "close", "close"]);
});

test.skipIf(process.platform !== "linux")(
  "upstream_tcp_keepalive_seconds is what the kernel waits before it asks a silent backend",
  async () => {
    for (const [seconds, scheme] of [
      [600, "http"],
      [600, "https"],
      [0, "http"],
    ] as const) {
      await using backend = await RawBackend.start(scheme === "https" ? { tls: selfSigned() } : {});
      const config = { upstream_tcp_keepalive_seconds: seconds, tls_insecure_skip_verify: true };
      await using cell = await Cell.start({ config });
      cell.add({ ports: [backend.port], scheme });
      await ask(cell);
      const [socket] = socketsTo(backend.port);
      if (seconds === 0) expect(socket?.keepAliveSeconds).toBeNull();
      else expect(Math.ceil((socket?.keepAliveSeconds ?? 0) / 60)).toBe(seconds / 60);
    }
  },
);

test("upstream_tls_handshake_timeout_seconds ends a handshake long before connect_timeout_seconds does", async () => {
  await using mute = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd(30_000)) });
  for (const isHttp2 of [false, true]) {
    await using cell = await Cell.start({
      config: { connect_timeout_seconds: 300, upstream_tls_handshake_timeout_seconds: 1 },
    });
    cell.add({ ports: [mute.port], scheme: "https", isHttp2 });
    expect((await call({ port: cell.port }, "GET", "/")).status).toBe(502);
    await eventually("the log says why", () => cell.log.includes("TLS handshake timeout"));
  }
});

test("after expect_continue_timeout_seconds the client is told to send its body, and hears it once", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      const head = await wire.readHead();
      expect(head.headers).toContainEqual(["Expect", "100-continue"]);
      await wire.readBytes(5);
      await wire.send("HTTP/1.1 100 Continue\r\n\r\n");
      await answer(wire, 200, "late but whole");
    },
  });
  await using cell = await Cell.start({ config: { expect_continue_timeout_seconds: 1 } });
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("PUT / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  expect((await client.readResponse()).startLine).toContain("100");
  await client.send("hello");
  expect((await client.readResponse()).body.toString()).toBe("late but whole");
  expect(backend.faults).toEqual([]);
});

test("a backend that wants the body is heard at once, and one that does not keeps the last word", async () => {
  for (const word of ["100 Continue\r\n\r\n", "417 No\r\nContent-Length: 0\r\n\r\n"]) {
    await using backend = await RawBackend.start({
      script: async (wire) => {
        await wire.readHead();
        await wire.send(`HTTP/1.1 ${word}`);
        await wire.readToEnd();
      },
    });
    await using cell = await Cell.start({ config: { expect_continue_timeout_seconds: FOR_EVER } });
    cell.add({ ports: [backend.port] });
    await using client = await openClient({ port: cell.port });
    await client.send("PUT / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    expect((await client.readResponse()).startLine).toContain(word.slice(0, 3));
  }
});
