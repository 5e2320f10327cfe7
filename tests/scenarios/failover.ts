import { join } from "node:path";
import { Child } from "../support/child.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { records } from "../support/json.ts";
import { TestServer } from "../support/server.ts";
import { percentile, runLoad } from "./load.ts";

export interface FailoverResult {
  readonly sent: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly p99Ms: number;
  /** The longest that any request took that was due in the second after a backend was killed. */
  readonly worstAfterKillMs: number;
  /** From the kill until the server says that the backend gets nothing more. */
  readonly ejectedAfterMs: number;
}

const EJECTION_LIMIT_MS = 10_000;

/** Needs next to nothing, so that what is measured is not a shortage of room. */
export const TIER = { name: "any", vcpu: 0 };

/** Starts a backend process; port 0 picks one. */
export async function startBackend(port = 0): Promise<{ readonly child: Child; readonly port: number }> {
  const command = [process.execPath, join(import.meta.dir, "backend.ts"), String(port)];
  const child = new Child({ command, cwd: import.meta.dir });
  return { child, port: Number(await child.line("the port of a backend", (line) => line)) };
}

/** Kills one of three backends under load, a third of the way, and starts it again after two thirds. */
export async function failover(perSecond: number, seconds: number): Promise<FailoverResult> {
  const backends = await Promise.all([startBackend(), startBackend(), startBackend()]);
  await using server = await TestServer.start({
    // Without health checks: the requests themselves have to notice.
    config: { health_check_enabled: false, tiers: [TIER], default_tier: "any" },
  });
  const [victim] = backends;
  if (victim === undefined) throw new Error("no backend");
  for (const [at, { port }] of backends.entries()) {
    await FakeAgent.join(server, { id: `b${at}`, cores: 256, endpoint: `http://127.0.0.1:${port}` });
  }
  const revivals: Promise<{ readonly child: Child }>[] = [];
  let ejected: Promise<number> = Promise.resolve(Number.NaN);
  const killAtMs = (seconds * 1000) / 3;
  const result = await runLoad({
    url: `${server.url}/x`,
    perSecond,
    seconds,
    events: [
      {
        atMs: killAtMs,
        run: () => {
          victim.child.kill("SIGKILL");
          ejected = msUntilEjected(server, "b0");
        },
      },
      { atMs: 2 * killAtMs, run: () => void revivals.push(startBackend(victim.port)) },
    ],
  });
  const first = Math.floor((killAtMs / 1000) * perSecond);
  const after = result.latencies.slice(first, first + perSecond);
  for (const { child } of [...backends, ...(await Promise.all(revivals))]) await child[Symbol.asyncDispose]();
  return {
    sent: result.sent,
    failed: result.failed,
    failures: result.failures,
    p99Ms: percentile(result.latencies, 0.99),
    worstAfterKillMs: Math.max(...after),
    ejectedAfterMs: await ejected,
  };
}

/** Asks without a pause: what it measures is shorter than a poll. */
async function msUntilEjected(server: TestServer, id: string): Promise<number> {
  const startMs = performance.now();
  while (performance.now() - startMs < EJECTION_LIMIT_MS) {
    const clients = records((await server.call("GET", "/clients")).json);
    const isServing = clients.find(({ client_id }) => client_id === id)?.routable;
    if (isServing === false) return performance.now() - startMs;
  }
  return Number.NaN;
}
