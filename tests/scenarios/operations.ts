/** What happens to a fleet on an ordinary day: backends drained, restarted, flapping, failing, too slow; servers stopped. */
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { TestServer } from "../support/server.ts";
import { startBackend, TIER } from "./failover.ts";
import { percentile, runLoad } from "./load.ts";

const ROOMY = { tiers: [TIER], default_tier: "any" };

async function join(server: TestServer, backends: readonly HttpBackend[]): Promise<void> {
  for (const { name, url } of backends) await FakeAgent.join(server, { id: name, cores: 256, endpoint: url });
}

export interface DrainResult {
  readonly sent: number;
  readonly failed: number;
  /** Requests that the drained backend got after its drain was acknowledged. */
  readonly afterDrain: number;
  /** And after it was put back. */
  readonly afterUndrain: number;
}

/** Drains one of three backends under load, and puts it back. */
export async function drainUnderLoad(perSecond: number, seconds: number): Promise<DrainResult> {
  await using first = new HttpBackend({ name: "b0" });
  await using second = new HttpBackend({ name: "b1" });
  await using third = new HttpBackend({ name: "b2" });
  await using server = await TestServer.start({ config: ROOMY });
  await join(server, [first, second, third]);
  const hits = { atDrain: 0, atUndrain: 0 };
  const { sent, failed } = await runLoad({
    url: `${server.url}/x`,
    perSecond,
    seconds,
    events: [
      {
        atMs: (seconds * 1000) / 3,
        run: () =>
          void server.call("POST", "/clients/b0/drain?wait=5").then(() => {
            hits.atDrain = first.hits;
          }),
      },
      {
        atMs: (seconds * 2000) / 3,
        run: () => {
          hits.atUndrain = first.hits;
          void server.call("POST", "/clients/b0/undrain");
        },
      },
    ],
  });
  const { atDrain, atUndrain } = hits;
  return { sent, failed, afterDrain: atUndrain - atDrain, afterUndrain: first.hits - atUndrain };
}

export interface FlapResult {
  readonly sent: number;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly kills: number;
}

/** Kills one of three backends and starts it again, every two seconds. */
export async function flap(perSecond: number, seconds: number): Promise<FlapResult> {
  const steady = await Promise.all([startBackend(), startBackend()]);
  let flapping = await startBackend();
  const { port } = flapping;
  await using server = await TestServer.start({ config: ROOMY });
  for (const [at, backend] of [flapping, ...steady].entries()) {
    await FakeAgent.join(server, { id: `b${at}`, cores: 256, endpoint: `http://127.0.0.1:${backend.port}` });
  }
  const kills = Math.floor(seconds / 4);
  const restarts: Promise<unknown>[] = [];
  const { sent, failed, failures } = await runLoad({
    url: `${server.url}/x`,
    perSecond,
    seconds,
    events: Array.from({ length: kills }, (_, at) => [
      { atMs: 4000 * at + 1000, run: () => flapping.child.kill("SIGKILL") },
      {
        atMs: 4000 * at + 3000,
        run: () =>
          void restarts.push(
            startBackend(port).then((started) => {
              flapping = started;
            }),
          ),
      },
    ]).flat(),
  });
  await Promise.all(restarts);
  for (const { child } of [flapping, ...steady]) await child[Symbol.asyncDispose]();
  return { sent, failed, failures, kills };
}

export interface AmplificationResult {
  readonly sent: number;
  /** Connections that backends saw for each request of a client, while all of them fail. */
  readonly amplification: number;
}

/** Has every backend break every request, and counts what retries make of the load. */
export async function amplification(perSecond: number, seconds: number): Promise<AmplificationResult> {
  let seen = 0;
  const listeners = Array.from({ length: 3 }, () =>
    Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket) => {
          seen++;
          socket.terminate();
        },
      },
    }),
  );
  await using server = await TestServer.start({
    // Without breakers, which would end the load on the backends at once.
    config: { ...ROOMY, breaker_enabled: false, log_level: "warn" },
  });
  for (const [at, { port }] of listeners.entries()) {
    await FakeAgent.join(server, { id: `b${at}`, cores: 256, endpoint: `http://127.0.0.1:${port}` });
  }
  const { sent } = await runLoad({ url: `${server.url}/x`, perSecond, seconds });
  for (const listener of listeners) listener.stop(true);
  return { sent, amplification: seen / sent };
}

export interface OverloadResult {
  /** Requests a second that the backend can serve, as measured at just that rate. */
  readonly capacity: number;
  /** Requests a second that were served at twice that rate. */
  readonly goodput: number;
  readonly p99BeforeMs: number;
  readonly p99AfterMs: number;
}

const SERVICE_MS = 40;
const IN_FLIGHT = 16;

/** Asks for twice what a backend can serve, and looks at what is served, then and afterwards. */
export async function overload(seconds: number): Promise<OverloadResult> {
  await using backend = new HttpBackend({
    name: "slow",
    handle: async () => {
      await Bun.sleep(SERVICE_MS);
      return new Response("done");
    },
  });
  await using server = await TestServer.start({
    config: { ...ROOMY, max_in_flight_per_backend: IN_FLIGHT, log_level: "warn" },
  });
  await join(server, [backend]);
  const capacity = Math.floor((1000 / SERVICE_MS) * IN_FLIGHT);
  const load = (perSecond: number) => runLoad({ url: `${server.url}/x`, perSecond, seconds });
  const before = await load(capacity / 2);
  const during = await load(2 * capacity);
  await Bun.sleep(1000);
  const after = await load(capacity / 2);
  return {
    capacity,
    goodput: (during.sent - during.failed) / seconds,
    p99BeforeMs: percentile(before.latencies, 0.99),
    p99AfterMs: percentile(after.latencies, 0.99),
  };
}

export interface StampedeResult {
  readonly agents: number;
  readonly registered: number;
  readonly withinMs: number;
  readonly sent: number;
  readonly failed: number;
  readonly p99BeforeMs: number;
  readonly p99MeanwhileMs: number;
}

/** Has so many agents register in one moment, as after a restart, while requests go on. */
export async function stampede(agents: number, seconds: number): Promise<StampedeResult> {
  const { child, port } = await startBackend();
  await using server = await TestServer.start({ config: { ...ROOMY, log_level: "warn" } });
  const endpoint = `http://127.0.0.1:${port}`;
  await FakeAgent.join(server, { id: "first", cores: 256, endpoint });
  const load = () => runLoad({ url: `${server.url}/x`, perSecond: 100, seconds });
  const before = await load();
  const meanwhile = load();
  const startMs = performance.now();
  const answers = await Promise.all(
    Array.from({ length: agents }, (_, at) => new FakeAgent(server, { id: `a${at}`, endpoint }).register()),
  );
  const withinMs = performance.now() - startMs;
  const { sent, failed, latencies } = await meanwhile;
  await child[Symbol.asyncDispose]();
  return {
    agents,
    registered: answers.filter(({ status }) => status === 200).length,
    withinMs,
    sent,
    failed,
    p99BeforeMs: percentile(before.latencies, 0.99),
    p99MeanwhileMs: percentile(latencies, 0.99),
  };
}

export interface StopResult {
  readonly sent: number;
  /** Requests that neither the server that stopped nor the one beside it answered. */
  readonly lost: number;
  readonly exitCode: number;
}

/** Stops one of two servers under load; a client that finds it gone goes to the other, as behind any DNS name. */
export async function stopUnderLoad(perSecond: number, seconds: number): Promise<StopResult> {
  await using backend = new HttpBackend({ name: "b" });
  await using leaving = await TestServer.start({ config: ROOMY });
  await using staying = await TestServer.start({ config: ROOMY });
  for (const server of [leaving, staying]) await join(server, [backend]);
  const fallback = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async () => {
      const first = await fetch(`${leaving.url}/x`).catch(() => null);
      const got = first ?? (await fetch(`${staying.url}/x`).catch(() => null));
      return got === null
        ? new Response("lost", { status: 500 })
        : new Response(got.body, { status: got.status });
    },
  });
  let exit: Promise<number> = Promise.resolve(-1);
  const { sent, failed } = await runLoad({
    url: `http://127.0.0.1:${fallback.port}/`,
    perSecond,
    seconds,
    events: [
      {
        atMs: (seconds * 1000) / 2,
        run: () => {
          exit = leaving.stop().then(({ code }) => code);
        },
      },
    ],
  });
  await fallback.stop(true);
  return { sent, lost: failed, exitCode: await exit };
}
