/** Peers that stop: what they cost in memory, and what everybody else notices of them. */
import { writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { selfSigned } from "../support/certificate.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import type { Json } from "../support/json.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";
import { startBackend, TIER } from "./failover.ts";
import { percentile, runLoad } from "./load.ts";

export interface StallResult {
  readonly peers: number;
  /** Growth of the server's resident memory, in MiB. */
  readonly grownMiB: number;
  /** 99th percentile of others' latency, before and meanwhile, in milliseconds. */
  readonly p99BeforeMs: number;
  readonly p99MeanwhileMs: number;
  /** Requests of others that failed. */
  readonly failed: number;
}

export type StallKind = "downloads" | "uploads" | "websockets" | "handshakes" | "hellos";

const MIB = 1024 * 1024;
const PER_SECOND = 200;
const SETTLE_MS = 3000;

/** Has so many peers stop in the middle of what they do, and measures for so long before and meanwhile. */
export async function stall(kind: StallKind, peers: number, seconds: number): Promise<StallResult> {
  const [good, bulk] = await Promise.all([startBackend(), startBackend()]);
  const deaf = await listenDeaf();
  const tls = kind === "hellos" ? certificateFiles() : null;
  await using server = await TestServer.start({
    ...(tls !== null && { ca: tls.cert }),
    config: {
      ...tls?.config,
      proxy_max_request_body_bytes: 0,
      read_header_timeout_seconds: 300,
      log_level: "warn",
      tiers: [TIER],
      default_tier: "any",
    },
  });
  const sockets: Socket[] = [];
  try {
    await FakeAgent.join(server, {
      id: "good",
      endpoints: [
        { url: `http://127.0.0.1:${good.port}`, paths: ["/*"] },
        { url: `http://127.0.0.1:${bulk.port}`, paths: ["/large", "/ws"] },
        { url: `http://127.0.0.1:${portOf(deaf)}`, paths: ["/deaf"] },
      ],
    });
    const ca = tls === null ? {} : { ca: tls.cert };
    const load = () => runLoad({ url: `${server.url}/x`, perSecond: PER_SECOND, seconds, ...ca });
    await load();
    const before = await load();
    const rss = server.child.rssBytes();
    for (let at = 0; at < peers; at++) sockets.push(await stallOne(kind, server.port, at));
    // Until what kernels and buffers take has been taken.
    await Bun.sleep(SETTLE_MS);
    const meanwhile = await load();
    return {
      peers,
      grownMiB: (server.child.rssBytes() - rss) / MIB,
      p99BeforeMs: percentile(before.latencies, 0.99),
      p99MeanwhileMs: percentile(meanwhile.latencies, 0.99),
      failed: before.failed + meanwhile.failed,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    deaf.close();
    if (tls !== null) removeDir(tls.dir);
    await good.child[Symbol.asyncDispose]();
    await bulk.child[Symbol.asyncDispose]();
  }
}

function certificateFiles(): { readonly dir: string; readonly cert: string; readonly config: Json } {
  const dir = makeTempDir();
  const { cert, key } = selfSigned();
  const [certFile, keyFile] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  // Longer than the scenario: what is measured is what they cost while they are there.
  const config = { tls_cert_file: certFile, tls_key_file: keyFile, tls_handshake_timeout_seconds: 300 };
  return { dir, cert, config };
}

/** A backend that accepts and never reads. */
function listenDeaf(): Promise<Server> {
  const server = createServer({ pauseOnConnect: true }, (socket) => void socket.on("error", () => {}));
  return new Promise((resolve) => void server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Opens one connection that goes no further than its first steps. */
function stallOne(kind: StallKind, port: number, at: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.off("error", reject);
      socket.on("error", () => {});
      begin(kind, socket, at);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

function begin(kind: StallKind, socket: Socket, at: number): void {
  switch (kind) {
    case "downloads":
      socket.pause();
      socket.write("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
      return;
    case "uploads":
      socket.write(`POST /deaf HTTP/1.1\r\nHost: t\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
      // As much as the kernel and the proxy take; the rest waits here.
      socket.write(Buffer.alloc(4 * MIB));
      return;
    case "websockets":
      socket.once("data", () => {
        socket.pause();
        // A masked text frame that says "flood" (RFC 6455 section 5.2), under a mask of zeros.
        socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("flood")]));
      });
      socket.write(
        "GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
      return;
    case "handshakes":
      // Half of them say nothing at all, half of them stop in the middle of a head.
      if (at % 2 === 0) socket.write("GET / HTTP/1.1\r\nHost: t\r\nX-Half: ");
      return;
    case "hellos":
      // The same with the beginning of a ClientHello: a handshake record of 512 bytes that does not come (RFC 8446
      // section 5.1).
      if (at % 2 === 0) socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
  }
}
