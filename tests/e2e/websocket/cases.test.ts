/**
 * W-07, W-11 to W-16: every case is asked of an echo server directly and through the proxy, and of a backend that only
 * takes notes. What the client gets is the same both ways, and the backend gets the client's octets.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { FakeAgent } from "../../support/fake-agent.ts";
import { RawBackend } from "../../support/raw-backend.ts";
import { openClient, type Target } from "../../support/raw-client.ts";
import { TestServer } from "../../support/server.ts";
import { CASES, type Case } from "./cases.ts";
import { handshake, SWITCHING } from "./frames.ts";

const OFFER = ["Sec-WebSocket-Extensions: permessage-deflate"];

const echo = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response("no handshake", { status: 400 }),
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 32 * 2 ** 20,
    backpressureLimit: 64 * 2 ** 20,
    message: (socket, message) => void socket.send(message),
  },
});
let server: TestServer;
let notes: RawBackend;

beforeAll(async () => {
  server = await TestServer.start({ config: { workers: 1 } });
  notes = await RawBackend.start({
    script: async (wire) => {
      if ((await wire.readRequest()) === null) return;
      await wire.send(SWITCHING);
      await wire.readToEnd(30_000);
      wire.finish();
    },
  });
  const endpoints = [
    { url: `http://127.0.0.1:${echo.port}`, paths: ["/echo"] },
    { url: notes.url, paths: ["/notes"] },
  ];
  await FakeAgent.join(server, { id: "b", endpoints, cores: 64 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await notes[Symbol.asyncDispose]();
  await echo.stop(true);
});

/** Everything that the client gets after the 101, until the other side ends. */
async function say(target: Target, path: string, { frames, chop }: Case): Promise<Buffer> {
  await using client = await openClient(target);
  await client.send(handshake(path, OFFER));
  expect((await client.readHead()).startLine).toContain(" 101 ");
  const octets = Buffer.concat(frames);
  if (chop === undefined) void client.send(octets);
  else void client.sendSegments([...chopped(octets, chop)]);
  return client.readToEnd(30_000);
}

/** Short octets as they are, long ones by their hash. */
function digest(octets: Buffer): string {
  if (octets.length <= 256) return octets.toString("hex");
  return `${octets.length} octets, SHA-256 ${new Bun.CryptoHasher("sha256").update(octets).digest("hex")}`;
}

function* chopped(octets: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

test.each(CASES.map((each) => [each.id, each] as const))("%s", async (_id, each) => {
  const direct = await say({ port: echo.port ?? 0 }, "/echo", each);
  const proxied = await say(server.target, "/echo", each);
  expect(digest(proxied)).toBe(digest(direct));
  const before = notes.connections.length;
  await using client = await openClient(server.target);
  await client.send(handshake("/notes"));
  await client.readHead();
  const octets = Buffer.concat(each.frames);
  await client.send(octets);
  client.finish();
  await client.readToEnd(30_000);
  const got = notes.connections[before]?.log ?? Buffer.alloc(0);
  expect(digest(got.subarray(-octets.length))).toBe(digest(octets));
});
