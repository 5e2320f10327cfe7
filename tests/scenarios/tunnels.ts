/** Many WebSockets: what idle ones cost, and what becomes of them when the server stops. */
import { connect, type Socket } from "node:net";
import { FakeAgent } from "../support/fake-agent.ts";
import { TestServer } from "../support/server.ts";
import { startBackend, TIER } from "./failover.ts";

export interface TunnelResult {
  readonly tunnels: number;
  /** Growth of the server's resident memory for each. */
  readonly kibPerTunnel: number;
  /** Files that the server has open before, meanwhile, and once all are closed. */
  readonly filesBefore: number;
  readonly filesMeanwhile: number;
  readonly filesAfter: number;
  /** Of a second round as many, stopped by SIGTERM: how long the server took beyond its grace, and its exit code. */
  readonly stopOverrunMs: number;
  readonly exitCode: number;
}

const AT_ONCE = 100;
const SETTLE_MS = 2000;
const GRACE_SECONDS = 2;
const HANDSHAKE =
  "GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/** Opens so many WebSockets that say nothing, closes them, and opens them again for a server that stops (W-21, W-24). */
export async function idleTunnels(tunnels: number): Promise<TunnelResult> {
  const { child, port } = await startBackend();
  await using server = await TestServer.start({
    config: {
      tiers: [TIER],
      default_tier: "any",
      log_level: "warn",
      max_leases: 65_536,
      shutdown_timeout_seconds: GRACE_SECONDS,
    },
  });
  await FakeAgent.join(server, { id: "b", cores: 256, endpoint: `http://127.0.0.1:${port}` });
  const round = async (): Promise<Socket[]> => {
    const open: Socket[] = [];
    while (open.length < tunnels) {
      const some = Math.min(AT_ONCE, tunnels - open.length);
      open.push(...(await Promise.all(Array.from({ length: some }, () => openTunnel(server.port)))));
    }
    return open;
  };
  // Code, tables and buffers that the first of them take once and for all.
  for (const socket of await round()) socket.destroy();
  await Bun.sleep(SETTLE_MS);
  const [rssBefore, filesBefore] = [server.child.rssBytes(), server.child.openFiles()];
  const open = await round();
  await Bun.sleep(SETTLE_MS);
  const [rssMeanwhile, filesMeanwhile] = [server.child.rssBytes(), server.child.openFiles()];
  for (const socket of open) socket.destroy();
  await Bun.sleep(SETTLE_MS);
  const filesAfter = server.child.openFiles();
  const last = await round();
  const sinceMs = performance.now();
  const { code } = await server.stop();
  const tookMs = performance.now() - sinceMs;
  for (const socket of last) socket.destroy();
  await child[Symbol.asyncDispose]();
  return {
    tunnels,
    kibPerTunnel: (rssMeanwhile - rssBefore) / 1024 / tunnels,
    filesBefore,
    filesMeanwhile,
    filesAfter,
    stopOverrunMs: Math.max(0, tookMs - GRACE_SECONDS * 1000),
    exitCode: code,
  };
}

function openTunnel(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => void socket.write(HANDSHAKE));
    socket.once("error", reject);
    socket.once("data", (data: Buffer) => {
      socket.off("error", reject);
      socket.on("error", () => {});
      if (data.toString("latin1").startsWith("HTTP/1.1 101 ")) resolve(socket);
      else reject(new Error(`no tunnel: ${data.toString("latin1", 0, 200)}`));
    });
  });
}
