import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { eventually } from "../../../support/eventually.ts";
import { header, type RawHead } from "../../../support/http-message.ts";
import { RawBackend } from "../../../support/raw-backend.ts";
import { openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

const HANDSHAKE =
  "GET /ws HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

function accept(request: RawHead): string {
  const key = header(request, "Sec-WebSocket-Key") ?? "";
  const hash = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${hash}\r\n\r\n`;
}

test("an accepted upgrade is a tunnel, early bytes of both sides included, with half-close each way", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      const head = await wire.readHead();
      expect(header(head, "Upgrade")?.toLowerCase()).toBe("websocket");
      expect(header(head, "Connection")?.toLowerCase()).toContain("upgrade");
      await wire.send(`${accept(head)}early-backend`);
      await wire.readThrough("early-client");
      await wire.readToEnd();
      await wire.send("after-fin");
      wire.finish();
    },
  });
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(`${HANDSHAKE}early-client`);
  expect((await client.readHead()).startLine).toContain("101");
  await client.readThrough("early-backend");
  expect(cell.tables.backends.inFlight(row)).toBe(1);
  client.finish();
  expect((await client.readToEnd()).toString()).toBe("after-fin");
  await eventually("the pick is settled", () => cell.tables.backends.inFlight(row) === 0);
  expect(backend.faults).toEqual([]);
});

test("large messages pass whole in both directions", async () => {
  const message = Buffer.alloc(4 * 1024 * 1024, "opsen");
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.send(accept(await wire.readHead()));
      await wire.send(await wire.readBytes(message.length));
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(HANDSHAKE);
  await client.readHead();
  void client.send(message);
  expect((await client.readBytes(message.length)).equals(message)).toBe(true);
});

test("a refused upgrade is an ordinary answer, and what follows is a request that passes every guard", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(`${HANDSHAKE}GET /next HTTP/1.1\r\nHost: t\r\n\r\n`);
  expect((await client.readResponse()).startLine).toContain("200");
  expect((await client.readResponse()).startLine).toContain("200");
  expect(backend.requests.map((request) => request.startLine)).toEqual([
    "GET /ws HTTP/1.1",
    "GET /next HTTP/1.1",
  ]);
});

test("h2c is not passed on, and a 101 that nobody asked for or that is wrong is a 502", async () => {
  const seen: RawHead[] = [];
  await using backend = await RawBackend.start({
    script: async (wire) => {
      const head = await wire.readHead();
      seen.push(head);
      await wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
      );
    },
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  for (const octets of [
    "GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
    HANDSHAKE,
  ]) {
    await using client = await openClient({ port: cell.port });
    await client.send(octets);
    expect((await client.readResponse()).startLine).toContain("502");
  }
  const [first] = seen;
  if (first === undefined) throw new Error("no request arrived");
  expect(header(first, "Upgrade")).toBeNull();
  expect(header(first, "HTTP2-Settings")).toBeNull();
});

test("a silent tunnel ends after stream_idle_timeout_seconds", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.send(accept(await wire.readHead()));
      await wire.readToEnd();
    },
  });
  await using cell = await Cell.start({ config: { stream_idle_timeout_seconds: 1 } });
  const { row } = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(HANDSHAKE);
  await client.readHead();
  await client.readToEnd();
  await eventually("the pick is settled", () => cell.tables.backends.inFlight(row) === 0);
});

test("at the end of the worker a tunnel ends in order on both sides", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.send(accept(await wire.readHead()));
      await wire.readToEnd();
    },
  });
  const cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(HANDSHAKE);
  await client.readHead();
  await cell[Symbol.asyncDispose]();
  await client.readToEnd();
  expect(client.ending).toBe("fin");
  await eventually("the backend hears of it", () => backend.connections[0]?.ending === "fin");
});
