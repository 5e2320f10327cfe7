/**
 * `npm run soak -- [minutes]`: a mixed crowd on a server for a long time. Prints memory, descriptors and latency minute by
 * minute, which must stay flat, and the requests that failed, of which there must be none.
 */
import { connect } from "node:net";
import { FakeAgent } from "../support/fake-agent.ts";
import { TestServer } from "../support/server.ts";
import { startBackend, TIER } from "./failover.ts";
import { percentile, runLoad } from "./load.ts";

const MIB = 1024 * 1024;
const PER_SECOND = 150;
const MINUTE = 60;

await soak(Number(process.argv[2] ?? 20));

async function soak(minutes: number): Promise<void> {
  const backends = await Promise.all([startBackend(), startBackend(), startBackend()]);
  await using server = await TestServer.start({
    config: { tiers: [TIER], default_tier: "any", log_level: "warn", proxy_max_request_body_bytes: 0 },
  });
  const urls = backends.map(({ port }) => `http://127.0.0.1:${port}`);
  const agents = await Promise.all(
    urls.map((endpoint, at) => FakeAgent.join(server, { id: `b${at}`, cores: 64, endpoint })),
  );
  const others = { uploads: 0, sockets: 0, aborts: 0, agents: 0, failed: 0 };
  const end = new AbortController();
  const forever = async (pauseMs: number, act: () => Promise<void>): Promise<void> => {
    while (!end.signal.aborted) {
      await act().catch((error: unknown) => {
        others.failed++;
        console.log(String(error));
      });
      await Bun.sleep(pauseMs);
    }
  };
  const crowd = Promise.all([
    forever(100, async () => {
      const got = await fetch(`${server.url}/up`, { method: "POST", body: new Uint8Array(300_000) });
      if (got.status !== 200) throw new Error(`upload: ${got.status}`);
      await got.arrayBuffer();
      others.uploads++;
    }),
    forever(100, async () => {
      await echoOnce(`ws://127.0.0.1:${server.port}/ws`);
      others.sockets++;
    }),
    forever(50, async () => {
      await abortDownload(server.port);
      others.aborts++;
    }),
    forever(1000, async () => {
      const agent = await FakeAgent.join(server, {
        id: `guest-${others.agents % 5}`,
        cores: 8,
        endpoint: urls[0] ?? "",
      });
      await agent.report();
      const gone = await agent.remove();
      if (gone.status >= 300) throw new Error(`remove: ${gone.status}`);
      others.agents++;
    }),
    forever(20_000, async () => {
      for (const agent of agents) await agent.report();
    }),
  ]);
  let failed = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    const result = await runLoad({ url: `${server.url}/x`, perSecond: PER_SECOND, seconds: MINUTE });
    failed += result.failed;
    const [p50, p99] = [0.5, 0.99].map((share) => percentile(result.latencies, share).toFixed(1));
    const memory = (server.child.rssBytes() / MIB).toFixed(0);
    console.log(
      `minute ${minute}: ${memory} MiB, ${server.child.openFiles()} files, p50 ${p50} ms, p99 ${p99} ms, failed ${failed}`,
    );
    for (const failure of result.failures) console.log(failure);
  }
  end.abort();
  await crowd;
  console.log(`${minutes * MINUTE * PER_SECOND} requests, ${JSON.stringify(others)}`);
  for (const { child } of backends) await child[Symbol.asyncDispose]();
}

/** Opens a WebSocket, has one message echoed, and closes it. */
function echoOnce(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.addEventListener("open", () => socket.send("hello"));
    socket.addEventListener("message", () => socket.close(1000));
    socket.addEventListener("close", ({ code }) =>
      code === 1000 ? resolve() : reject(new Error(`close ${code}`)),
    );
    socket.addEventListener("error", () => reject(new Error("WebSocket error")));
  });
}

/** Begins a large download and leaves in the middle of it, with a reset. */
function abortDownload(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /large HTTP/1.1\r\nHost: t\r\n\r\n"));
    socket.once("data", () => socket.resetAndDestroy());
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}
