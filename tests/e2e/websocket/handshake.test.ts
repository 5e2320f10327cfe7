/** The rows of the WebSocket list about the handshake and the life of a tunnel, on raw sockets. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Behind } from "../../support/behind.ts";
import { eventually } from "../../support/eventually.ts";
import { header, headerAll } from "../../support/http-message.ts";
import { number, record, records } from "../../support/json.ts";
import { answer, type Responder } from "../../support/raw-backend.ts";
import { openClient } from "../../support/raw-client.ts";
import { seeded } from "../../support/seeded.ts";
import { TestServer } from "../../support/server.ts";
import type { Wire } from "../../support/wire.ts";
import { CLOSE, close, frame, handshake, KEY, PING, SWITCHING, TEXT } from "./frames.ts";

/** What the backend answers a handshake with, by path. */
const REPLIES: Readonly<Record<string, string>> = {
  "/no-accept": SWITCHING.replace(/Sec-WebSocket-Accept: \S+\r\n/, ""),
  "/wrong-accept": SWITCHING.replace("s3pP", "S3pP"),
  "/no-upgrade": SWITCHING.replace("Upgrade: websocket\r\n", ""),
  "/other-upgrade": SWITCHING.replace("Upgrade: websocket", "Upgrade: foo"),
  "/subprotocol": SWITCHING.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: nobody-asked\r\n\r\n"),
  "/early": `${SWITCHING}${frame(TEXT, "early", { mask: null }).toString("latin1")}`,
};
const REFUSALS = [200, 401, 403, 404, 503];

let server: TestServer;
let behind: Behind;

const respond: Responder = async ({ startLine }, wire) => {
  const path = startLine.split(" ")[1] ?? "";
  const refusal = /^\/refuse-(\d+)$/.exec(path)?.[1];
  if (refusal !== undefined) return answer(wire, Number(refusal), "no sockets here");
  if (path === "/plain") return answer(wire, 200, "plain");
  if (path === "/never") return new Promise(() => {});
  await wire.send(REPLIES[path] ?? SWITCHING);
  return false;
};

beforeAll(async () => {
  server = await TestServer.start({
    config: { workers: 1, sticky_header: "X-Session", request_timeout_seconds: 1, enable_cors: true },
  });
  behind = await Behind.start(server, { respond }, { cores: 64 });
});

afterAll(async () => {
  await behind[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Opens a tunnel; gives both ends. */
async function tunnel(path = "/ws", lines: readonly string[] = []) {
  const before = behind.backend.connections.length;
  const client = await openClient(server.target);
  await client.send(handshake(path, lines));
  expect((await client.readHead()).startLine).toContain(" 101 ");
  const backend = behind.backend.connections.slice(before).at(-1);
  if (backend === undefined) throw new Error("the backend was not connected to");
  const ends = { client, backend };
  return { ...ends, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

describe("the handshake", () => {
  test("W-01, W-36: arrives as it was sent, and the 101 as it was answered", async () => {
    const own = [
      "Sec-WebSocket-Protocol: chat, superchat",
      "Sec-WebSocket-Extensions: permessage-deflate",
      "Origin: https://evil.example",
    ];
    await using client = await openClient(server.target);
    await client.send(handshake("/ws", own));
    const head = await client.readHead();
    expect(header(head, "sec-websocket-accept")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    expect(header(head, "access-control-allow-origin")).toBeNull();
    const request = behind.backend.requests.at(-1);
    if (request === undefined) throw new Error("no request");
    expect(request.startLine).toBe("GET /ws HTTP/1.1");
    expect(headerAll(request, "connection").map((value) => value.toLowerCase())).toEqual(["upgrade"]);
    expect(header(request, "upgrade")).toBe("websocket");
    expect(header(request, "sec-websocket-key")).toBe(KEY);
    expect(header(request, "sec-websocket-version")).toBe("13");
    expect(header(request, "sec-websocket-protocol")).toBe("chat, superchat");
    expect(header(request, "sec-websocket-extensions")).toBe("permessage-deflate");
    expect(header(request, "origin")).toBe("https://evil.example");
  });

  test.each([
    ["Connection: Upgrade", "Connection: keep-alive, Upgrade"],
    ["Connection: Upgrade", "connection: UPGRADE"],
    ["Upgrade: websocket", "UPGRADE: WebSocket"],
  ])("W-02: %s may be %s", async (usual, other) => {
    await using client = await openClient(server.target);
    await client.send(handshake().replace(usual, other));
    expect((await client.readHead()).startLine).toContain(" 101 ");
  });

  test.each([
    ["no key", handshake().replace(/Sec-WebSocket-Key: \S+\r\n/, ""), 400],
    ["a key that is not 16 octets", handshake().replace(KEY, "AAAA"), 400],
    ["a key that is not base64", handshake().replace(KEY, "!".repeat(24)), 400],
    ["two keys", handshake("/ws", [`Sec-WebSocket-Key: ${KEY}`]), 400],
    ["version 12", handshake().replace("Version: 13", "Version: 12"), 426],
    ["POST", handshake().replace("GET", "POST"), 400],
    ["a body", handshake("/ws", ["Content-Length: 2"]).concat("hi"), 400],
  ])("W-03: %s is refused", async (_what, octets, status) => {
    const before = behind.backend.requests.length;
    await using client = await openClient(server.target);
    await client.send(octets);
    const response = await client.readResponse();
    expect(response.startLine).toContain(` ${status} `);
    if (status === 426) expect(header(response, "sec-websocket-version")).toBe("13");
    expect(behind.backend.requests).toHaveLength(before);
  });

  test("W-03: HTTP/1.0 is not upgraded", async () => {
    await using client = await openClient(server.target);
    await client.send(handshake("/plain").replace("HTTP/1.1", "HTTP/1.0"));
    expect((await client.readResponse()).startLine).toContain(" 200 ");
    const request = behind.backend.requests.at(-1);
    expect(request && header(request, "upgrade")).toBeNull();
  });

  test.each(["/no-accept", "/wrong-accept", "/no-upgrade", "/other-upgrade"])(
    "W-04: a 101 with %s opens no tunnel",
    async (path) => {
      await using client = await openClient(server.target);
      await client.send(handshake(path));
      const response = await client.readResponse();
      expect(response.startLine).toContain(" 502 ");
      expect(header(response, "x-opsen-error")).toBe("bad_gateway");
      await behind.backend.connections.at(-1)?.readToEnd();
    },
  );

  test("W-06: a subprotocol that nobody asked for is the client's to refuse", async () => {
    await using client = await openClient(server.target);
    await client.send(handshake("/subprotocol"));
    expect(header(await client.readHead(), "sec-websocket-protocol")).toBe("nobody-asked");
  });

  test.each(REFUSALS)(
    "W-05: a backend that answers %d is heard, and the connection goes on",
    async (status) => {
      await using client = await openClient(server.target);
      await client.send(handshake(`/refuse-${status}`));
      const response = await client.readResponse();
      expect(response.startLine).toContain(` ${status} `);
      expect(response.body.toString()).toBe("no sockets here");
      await client.send("GET /plain HTTP/1.1\r\nHost: t\r\n\r\n");
      expect((await client.readResponse()).body.toString()).toBe("plain");
    },
  );

  test("W-08, W-09: frames that come along with either head are delivered behind it", async () => {
    const first = frame(TEXT, "at once");
    await using client = await openClient(server.target);
    await client.send(Buffer.concat([Buffer.from(handshake("/early")), first]));
    await client.readHead();
    const early = frame(TEXT, "early", { mask: null });
    expect(await client.readBytes(early.length)).toEqual(early);
    const backend = behind.backend.connections.at(-1);
    expect(await backend?.readBytes(first.length)).toEqual(first);
  });

  test("W-10: a connection that has served a request is upgraded all the same", async () => {
    await using client = await openClient(server.target);
    for (let count = 0; count < 3; count++) {
      await client.send("GET /plain HTTP/1.1\r\nHost: t\r\n\r\n");
      expect((await client.readResponse()).body.toString()).toBe("plain");
    }
    await client.send(handshake());
    await client.readHead();
    await client.send(frame(PING, "x"));
    expect(await behind.backend.connections.at(-1)?.readBytes(7)).toEqual(frame(PING, "x"));
  });

  test("W-35: goes where the requests of its session go", async () => {
    await using second = await Behind.start(server, { respond }, { cores: 64, id: "second" });
    const session = { headers: { "X-Session": "alice" } };
    await server.call("GET", "/plain", session);
    const home = second.backend.requests.length > 0 ? second : behind;
    for (let count = 0; count < 8; count++) {
      const before = home.backend.requests.length;
      await using client = await openClient(server.target);
      await client.send(handshake("/ws", ["X-Session: alice"]));
      await client.readHead();
      expect(home.backend.requests).toHaveLength(before + 1);
    }
  });
});

describe("the tunnel", () => {
  test.each(["client", "backend"] as const)("W-17: a FIN or RST of the %s arrives as such", async (side) => {
    const other = side === "client" ? "backend" : "client";
    await using fin = await tunnel();
    fin[side].finish();
    await fin[other].readToEnd();
    expect(fin[other].ending).toBe("fin");
    await using rst = await tunnel();
    rst[side].reset();
    await rst[other].readToEnd();
    expect(rst[other].ending).toBe("reset");
  });

  test.each(["client", "backend"] as const)(
    "W-18: after a FIN of the %s the other direction flows on",
    async (side) => {
      await using ends = await tunnel();
      const [first, second] = side === "client" ? [ends.client, ends.backend] : [ends.backend, ends.client];
      first.finish();
      await second.readToEnd();
      const bytes = seeded(5).bytes(300_000);
      for (let at = 0; at < bytes.length; at += 50_000) await second.send(bytes.subarray(at, at + 50_000));
      second.finish();
      expect(Buffer.compare(await first.readToEnd(), bytes)).toBe(0);
    },
  );

  test("W-20, W-22: outlasts the request timeout and its backend's departure", async () => {
    await using leaver = await Behind.start(server, { respond }, { cores: 64, id: "leaver", cpu: 0 });
    await behind.agent.report({ cpu_usage_avg: Array.from({ length: 64 }, () => 90) });
    const client = await openClient(server.target);
    await client.send(handshake());
    await client.readHead();
    const backend = leaver.backend.connections.at(-1);
    if (backend === undefined) throw new Error("the other backend was chosen");
    await leaver.agent.remove();
    await behind.agent.report();
    // Each takes the request timeout.
    for (let count = 0; count < 2; count++) expect((await server.call("GET", "/never")).status).toBe(504);
    await client.send(frame(TEXT, "still here"));
    expect(await backend.readBytes(16)).toEqual(frame(TEXT, "still here"));
    await client[Symbol.asyncDispose]();
  });

  test("W-23: outlasts the ill health of its backend", async () => {
    let isIll = false;
    await using probing = await TestServer.start({
      config: {
        workers: 1,
        health_check_enabled: true,
        health_check_type: "http",
        health_check_interval_seconds: 1,
        health_check_unhealthy_threshold: 1,
        health_check_healthy_threshold: 1,
      },
    });
    await using ill = await Behind.start(probing, {
      respond: (request, wire, own) => {
        if (request.startLine.startsWith("GET /ws ")) return respond(request, wire, own);
        return answer(wire, isIll ? 500 : 200, "");
      },
    });
    await using client = await openClient(probing.target);
    await client.send(handshake());
    await client.readHead();
    const backend = ill.backend.connections.find(({ log }) => log.includes("GET /ws "));
    isIll = true;
    await eventually("it is unhealthy", async () => {
      const clients = records((await probing.call("GET", "/clients")).json);
      return clients.some(({ health_status: status }) => status === "unhealthy");
    });
    expect((await probing.call("GET", "/x")).status).toBe(503);
    await client.send(frame(TEXT, "still here"));
    expect(await backend?.readBytes(16)).toEqual(frame(TEXT, "still here"));
  }, 20_000);

  test("W-33: pauses and goes on a hundred times, and both streams arrive whole", async () => {
    await using ends = await tunnel();
    const random = seeded(11);
    const up = random.bytes(4 * 2 ** 20);
    const down = random.bytes(4 * 2 ** 20);
    const stutter = async (wire: Wire): Promise<void> => {
      for (let count = 0; count < 100; count++) {
        wire.pause();
        for (let turn = random.below(8); turn >= 0; turn--)
          await new Promise((resolve) => setImmediate(resolve));
        wire.resume();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const pour = async (wire: Wire, bytes: Buffer): Promise<void> => {
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.below(100_000);
        await wire.send(bytes.subarray(at, at + size));
        at += size;
      }
    };
    const [gotDown, gotUp] = await Promise.all([
      ends.client.readBytes(down.length, 30_000),
      ends.backend.readBytes(up.length, 30_000),
      pour(ends.client, up),
      pour(ends.backend, down),
      stutter(ends.client),
      stutter(ends.backend),
    ]);
    expect(gotDown.equals(down)).toBe(true);
    expect(gotUp.equals(up)).toBe(true);
  });

  test("W-15: close codes and reasons pass both ways, and the capacity comes back", async () => {
    const before = await leases();
    for (const code of [1000, 1001, 1011, 3000, 4999]) {
      await using ends = await tunnel();
      const said = close(code, "r".repeat(123));
      await ends.client.send(said);
      expect(await ends.backend.readBytes(said.length)).toEqual(said);
      const back = frame(CLOSE, Buffer.from([code >> 8, code & 0xff]), { mask: null });
      await ends.backend.send(back);
      expect(await ends.client.readBytes(back.length)).toEqual(back);
      expect(await leases()).toBe(before + 1);
      ends.backend.finish();
      ends.client.finish();
      await eventually("the capacity comes back", async () => (await leases()) === before);
    }
  });
});

async function leases(): Promise<number> {
  return number(record((await server.call("GET", "/leases")).json).total);
}
