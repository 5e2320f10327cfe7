/** WebSocket and other upgrades through the proxy: bytes both ways, close codes, ends. */
import { expect, test } from "bun:test";
import { Behind } from "../../support/behind.ts";
import { Cluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { header } from "../../support/http-message.ts";
import { number, record } from "../../support/json.ts";
import { openClient } from "../../support/raw-client.ts";
import { seeded } from "../../support/seeded.ts";
import { TestServer } from "../../support/server.ts";

const MIB = 2 ** 20;

interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A WebSocket client whose events are promises. */
class Socket {
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;
  readonly #messages: (string | Buffer)[] = [];
  #waiting: ((message: string | Buffer) => void)[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.addEventListener("message", (event: MessageEvent<string | Buffer>) => {
      const next = this.#waiting.shift();
      if (next) next(event.data);
      else this.#messages.push(event.data);
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", (event) => resolve({ code: event.code, reason: event.reason }));
    });
  }

  static async open(url: string): Promise<Socket> {
    const socket = new WebSocket(url);
    const wrapped = new Socket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no WebSocket at ${url}`)));
    });
    return wrapped;
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(message);
  }

  next(): Promise<string | Buffer> {
    const ready = this.#messages.shift();
    return ready === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(ready);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

async function leases(server: TestServer): Promise<number> {
  return number(record((await server.call("GET", "/leases")).json).total);
}

test("messages of 1 MiB come back equal, text and binary, and the lease lasts as long as the tunnel", async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<Closed>();
  await using cluster = await Cluster.start([
    {
      name: "echo",
      onMessage: (socket, message) => void socket.send(message),
      onClose: (code, reason) => end({ code, reason }),
    },
  ]);
  const socket = await Socket.open(`ws://127.0.0.1:${cluster.server.port}/ws?tier=lite`);
  expect(await leases(cluster.server)).toBe(1);
  const bytes = Uint8Array.from(seeded(3).bytes(MIB));
  for (let round = 0; round < 4; round++) {
    socket.send(bytes);
    const back = await socket.next();
    expect(Buffer.isBuffer(back) && back.equals(bytes)).toBe(true);
  }
  const text = "ü".repeat(MIB / 2);
  socket.send(text);
  expect((await socket.next()) === text).toBe(true);
  for (let count = 0; count < 100; count++) socket.send(`m${count}`);
  for (let count = 0; count < 100; count++) expect(await socket.next()).toBe(`m${count}`);

  socket.close(4321, "bye now");
  expect(await ended).toEqual({ code: 4321, reason: "bye now" });
  expect((await socket.closed).code).toBe(4321);
  await eventually("no lease", async () => (await leases(cluster.server)) === 0);
});

test("a close by the backend passes through with its code", async () => {
  await using cluster = await Cluster.start([
    { name: "b", onMessage: (socket) => socket.close(4001, "go away") },
  ]);
  const socket = await Socket.open(`ws://127.0.0.1:${cluster.server.port}/`);
  socket.send("?");
  expect(await socket.closed).toEqual({ code: 4001, reason: "go away" });
});

test("a backend that refuses the upgrade answers for itself", async () => {
  await using cluster = await Cluster.start([
    { name: "b", handle: () => new Response("no sockets here", { status: 403 }) },
  ]);
  await using client = await openClient(cluster.server.target);
  await client.send(
    "GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const response = await client.readResponse();
  expect(response.startLine).toContain(" 403 ");
  expect(response.body.toString()).toBe("no sockets here");
});

test("a tunnel passes octets as they are, also those sent along with the handshake, and half-closes", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => {
      void (async () => {
        await wire.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Own: 1\r\n\r\nfirst",
        );
        const all = await wire.readToEnd();
        await wire.send(`got ${all.length}`);
        wire.finish();
      })();
      return false;
    },
  });
  await using client = await openClient(server.target);
  const noise = seeded(9).bytes(70_000);
  await client.send(
    "GET /ws HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
  );
  const head = await client.readHead();
  expect(head.startLine).toContain(" 101 ");
  expect(header(head, "upgrade")?.toLowerCase()).toBe("websocket");
  expect(header(head, "x-own")).toBe("1");
  expect(await client.readThrough("first")).toBe("first");
  await client.send(noise);
  client.finish();
  expect((await client.readToEnd()).toString()).toBe(`got ${noise.length}`);
  const [request] = behind.backend.requests;
  expect(request && header(request, "x-forwarded-for")).toBe("127.0.0.1");
  expect(request && header(request, "connection")?.toLowerCase()).toContain("upgrade");
  expect(behind.backend.connections[0]?.log.subarray(-noise.length).equals(noise)).toBe(true);
});

test("a reset of either side ends the other and gives the capacity back", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => {
      void wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
      );
      return false;
    },
  });
  const handshake =
    "GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  await using first = await openClient(server.target);
  await first.send(handshake);
  await first.readHead();
  first.reset();
  await behind.backend.connections[0]?.readToEnd();
  await using second = await openClient(server.target);
  await second.send(handshake);
  await second.readHead();
  behind.backend.connections[1]?.reset();
  await second.readToEnd();
  await eventually("no lease", async () => (await leases(server)) === 0);
});
