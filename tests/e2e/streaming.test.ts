/** Bodies pass as they come: events one by one, uploads and downloads of any size in bounded memory. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { Behind } from "../support/behind.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { openClient } from "../support/raw-client.ts";
import { seeded } from "../support/seeded.ts";
import { TestServer } from "../support/server.ts";

const MIB = 2 ** 20;
const LARGE_BYTES = (process.env.OPSEN_TEST_LARGE === "1" ? 1024 : 256) * MIB;
const MAX_RSS_GROWTH = 64 * MIB;
/** One block of noise, sent over and over: the sizes matter, and making noise costs time. */
const BLOCK = seeded(1).bytes(MIB / 4);

test.each(["chunked", "until close"])(
  "an event stream (%s) passes each event before the next is sent",
  async (how) => {
    // The backend sends event n+1 only when the test, having received event n, says so: no clock is involved.
    const confirmed: (() => void)[] = [];
    const confirmations = Array.from(
      { length: 20 },
      () => new Promise<void>((resolve) => confirmed.push(resolve)),
    );
    await using server = await TestServer.start({ config: { workers: 1 } });
    await using behind = await Behind.start(server, {
      respond: (_request, wire) => {
        void (async () => {
          const chunked = how === "chunked";
          const framing = chunked ? "Transfer-Encoding: chunked\r\n" : "";
          await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${framing}\r\n`);
          for (const [at, next] of confirmations.entries()) {
            const event = `data: ${at}\n\n`;
            await wire.send(chunked ? `${event.length.toString(16)}\r\n${event}\r\n` : event);
            await next;
          }
          if (chunked) await wire.send("0\r\n\r\n");
          wire.finish();
        })();
        return false;
      },
    });
    await using client = await openClient(server.target);
    await client.send("GET /events HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");
    await client.readHead();
    for (let at = 0; at < 20; at++) {
      expect(await client.readThrough(`data: ${at}\n\n`)).toContain(`data: ${at}`);
      confirmed[at]?.();
    }
    expect(behind.backend.faults).toEqual([]);
  },
);

test("proxy_sse_flush_interval_ms gathers but loses nothing", async () => {
  await using server = await TestServer.start({ config: { workers: 1, proxy_sse_flush_interval_ms: 20 } });
  await using behind = await Behind.start(server, {
    respond: async (_request, wire) => {
      await wire.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      for (let at = 0; at < 50; at++) await wire.send("8\r\ndata: x\n\r\n");
      await wire.send("0\r\n\r\n");
    },
  });
  expect((await server.call("GET", "/e")).text).toBe("data: x\n".repeat(50));
  expect(behind.backend.faults).toEqual([]);
});

test("a request body is passed on while it comes: the backend answers before its end", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      await wire.readThrough("one");
      await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nack\r\n");
      await wire.readThrough("two");
      await wire.readThrough("0\r\n\r\n");
      await wire.send("4\r\ndone\r\n0\r\n\r\n");
      await wire.readToEnd(60_000);
    },
  });
  await using client = await openClient(server.target);
  await client.send("POST /duplex HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
  await client.readThrough("ack");
  await client.send("3\r\ntwo\r\n0\r\n\r\n");
  await client.readThrough("done");
  expect(behind.backend.connections).toHaveLength(1);
});

test("a large upload arrives equal, in bounded memory", async () => {
  await using cluster = await Cluster.start(
    [
      {
        name: "sink",
        handle: async (request) => {
          const hash = createHash("sha256");
          let length = 0;
          const body: ReadableStream<Uint8Array> | null = request.body;
          for await (const part of body ?? []) {
            hash.update(part);
            length += part.length;
          }
          return new Response(`${length} ${hash.digest("hex")}`);
        },
      },
    ],
    { config: { workers: 1, proxy_max_request_body_bytes: 0 } },
  );
  await cluster.server.call("POST", "/warm", { body: BLOCK });
  await using watch = new MemoryWatch(cluster.server);
  await using client = await openClient(cluster.server.target);
  const hash = createHash("sha256");
  await client.send(`PUT /up HTTP/1.1\r\nHost: t\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`);
  for (let sent = 0; sent < LARGE_BYTES; sent += BLOCK.length) {
    hash.update(BLOCK);
    await client.send(BLOCK);
  }
  const response = await client.readResponse("PUT", 120_000);
  expect(response.body.toString()).toBe(`${LARGE_BYTES} ${hash.digest("hex")}`);
  expect(watch.growth()).toBeLessThan(MAX_RSS_GROWTH);
}, 300_000);

test("a large download arrives equal, in bounded memory", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(server, {
    respond: async (_request, wire) => {
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`);
      for (let sent = 0; sent < LARGE_BYTES; sent += BLOCK.length) await wire.send(BLOCK);
    },
  });
  const expected = createHash("sha256");
  for (let made = 0; made < LARGE_BYTES; made += BLOCK.length) expected.update(BLOCK);
  await using watch = new MemoryWatch(server);
  const got = await download(server.port);
  expect(got).toEqual({ length: LARGE_BYTES, hash: expected.digest("hex") });
  expect(watch.growth()).toBeLessThan(MAX_RSS_GROWTH);
  expect(behind.backend.faults).toEqual([]);
}, 300_000);

test("a reader that stops is waited for: the backend is held back, memory stays bounded", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  let written = 0;
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => {
      void (async () => {
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`);
        for (; written < LARGE_BYTES && wire.ending === null; written += BLOCK.length) await wire.send(BLOCK);
      })();
      return false;
    },
  });
  await using watch = new MemoryWatch(server);
  await using client = await openClient(server.target);
  client.pause();
  await client.send("GET /flood HTTP/1.1\r\nHost: t\r\n\r\n");
  let before = -1;
  await eventually("a standstill", async () => {
    const still = written > 0 && written === before;
    before = written;
    await Bun.sleep(200);
    return still;
  });
  expect(written).toBeLessThan(LARGE_BYTES / 2);
  expect(watch.growth()).toBeLessThan(MAX_RSS_GROWTH);
  expect(behind.backend.connections).toHaveLength(1);
});

test("a backend that does not read is waited for: the client is held back, memory stays bounded", async () => {
  await using server = await TestServer.start({ config: { workers: 1, proxy_max_request_body_bytes: 0 } });
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      wire.pause();
    },
  });
  await using watch = new MemoryWatch(server);
  await using client = await openClient(server.target);
  await client.send(`POST /flood HTTP/1.1\r\nHost: t\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`);
  let sent = 0;
  void (async () => {
    for (; sent < LARGE_BYTES; sent += BLOCK.length) await client.send(BLOCK);
  })();
  let before = -1;
  await eventually("a standstill", async () => {
    const still = sent > 0 && sent === before;
    before = sent;
    await Bun.sleep(200);
    return still;
  });
  expect(sent).toBeLessThan(LARGE_BYTES / 2);
  expect(watch.growth()).toBeLessThan(MAX_RSS_GROWTH);
  expect(behind.backend.connections).toHaveLength(1);
});

/** Reads one answer to its end without keeping it. */
function download(port: number): Promise<{ length: number; hash: string }> {
  return new Promise((resolve, reject) => {
    const hash = createHash("sha256");
    let length = 0;
    let head = Buffer.alloc(0);
    let inBody = false;
    const socket = connect(port, "127.0.0.1", () => {
      socket.write("GET /down HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    });
    socket.on("data", (data: Buffer) => {
      let part = data;
      if (!inBody) {
        head = Buffer.concat([head, data]);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        inBody = true;
        part = head.subarray(end + 4);
      }
      hash.update(part);
      length += part.length;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve({ length, hash: hash.digest("hex") }));
  });
}

/** Samples the server's resident memory while it lives. */
class MemoryWatch implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #start: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #peak: number;

  constructor(server: TestServer) {
    this.#server = server;
    this.#start = server.child.rssBytes();
    this.#peak = this.#start;
    this.#timer = setInterval(() => this.#sample(), 20);
  }

  /** Highest growth so far, in bytes. */
  growth(): number {
    this.#sample();
    return this.#peak - this.#start;
  }

  [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  #sample(): void {
    this.#peak = Math.max(this.#peak, this.#server.child.rssBytes());
  }
}
