import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { UNPROBED } from "../../../../core/health/transition.ts";
import { parseEndpointUrl } from "../../../../core/plane/endpoint-url.ts";
import type { Backend, Origin } from "../../../../core/plane/snapshot.ts";
import { type ProbeOptions, probe } from "../../../../server/control/health/probe.ts";
import { type ProbeReport, Prober } from "../../../../server/control/health/prober.ts";
import { NameResolver } from "../../../../server/names/name-resolver.ts";
import { selfSigned } from "../../../support/certificate.ts";
import { Http2Backend } from "../../proxy/http2/peers.ts";

const OPTIONS: ProbeOptions = {
  type: "tcp",
  timeoutMs: 5_000,
  path: "/health",
  tls: { serverName: "", verify: true, ca: "" },
  names: { addressesOf: async () => ["127.0.0.1"], failed: () => {} },
  refusal: () => null,
};
const HTTP: ProbeOptions = { ...OPTIONS, type: "http" };

function originOf(url: string): Origin {
  const parsed = parseEndpointUrl(url);
  if (!parsed.ok) throw new Error(parsed.rule);
  return parsed.endpoint.origin;
}

/** A TCP server that answers every connection's first bytes with these. */
function answering(answer: string, seen: string[] = []): Bun.TCPSocketListener<undefined> {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        seen.push(bytes.toString("latin1"));
        socket.write(answer);
      },
    },
  });
}

/** Lets a probe's time pass before its connection can be noticed: the loop is not free until then. */
function holdUp(): null {
  const endMs = performance.now() + 20;
  while (performance.now() < endMs);
  return null;
}

async function httpProbe(answer: string, options: Partial<ProbeOptions> = {}) {
  const seen: string[] = [];
  const server = answering(answer, seen);
  try {
    const origin = originOf(`http://127.0.0.1:${server.port}/base/`);
    return { outcome: await probe(origin, { ...HTTP, ...options }), seen };
  } finally {
    server.stop(true);
  }
}

describe("a tcp probe", () => {
  test("succeeds when a connection is accepted, fails when it is refused", async () => {
    const server = answering("");
    const origin = originOf(`http://127.0.0.1:${server.port}`);
    const outcome = await probe(origin, OPTIONS);
    expect(outcome.ok && outcome.latencyMs).toBeGreaterThan(0);
    server.stop(true);
    expect(await probe(origin, OPTIONS)).toEqual({ ok: false, reason: "ECONNREFUSED" });
  });

  test("asks about the address that it connects to", async () => {
    const asked: unknown[] = [];
    const refusal = (address: string, port: number): string => {
      asked.push([address, port]);
      return "is forbidden";
    };
    const outcome = await probe(originOf("http://127.0.0.1:9"), { ...OPTIONS, refusal });
    expect(outcome).toEqual({ ok: false, reason: "127.0.0.1 is forbidden" });
    expect(asked).toEqual([["127.0.0.1", 9]]);
  });

  test("leaves no connection open when its time is over before it is made", async () => {
    const closed = Promise.withResolvers<void>();
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data() {}, close: () => closed.resolve() },
    });
    const origin = originOf(`http://127.0.0.1:${server.port}`);
    const outcome = await probe(origin, { ...HTTP, timeoutMs: 1, refusal: holdUp });
    expect(outcome).toMatchObject({ ok: false, reason: "no answer in time" });
    await closed.promise;
    await outcome.forsaken;
    server.stop(true);
  });

  test("of a name that does not resolve fails", async () => {
    expect((await probe(originOf("http://nowhere.invalid"), OPTIONS)).ok).toBe(false);
  });
});

describe("an http probe", () => {
  test("sends one request for the endpoint's path plus the probe's", async () => {
    const { outcome, seen } = await httpProbe("HTTP/1.1 200 OK\r\n\r\n");
    expect(outcome.ok).toBe(true);
    expect(seen[0]).toMatch(/^GET \/base\/health HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
  });

  test("takes 2xx and 3xx, past interim answers, and nothing else", async () => {
    for (const good of ["HTTP/1.1 204 No Content\r\n", "HTTP/1.0 302 Found\r\n", "HTTP/1.1 200 \r\n"]) {
      expect((await httpProbe(`${good}\r\n`)).outcome.ok).toBe(true);
    }
    const interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    expect((await httpProbe(interim)).outcome.ok).toBe(true);
    for (const status of [400, 404, 500, 503]) {
      const { outcome } = await httpProbe(`HTTP/1.1 ${status} No\r\n\r\n`);
      expect(outcome).toEqual({ ok: false, reason: `answered with status ${status}` });
    }
    const { outcome } = await httpProbe("SSH-2.0-OpenSSH_9.2\r\n");
    expect(outcome).toEqual({ ok: false, reason: "answered something that is not HTTP/1.1" });
  });

  test("gives up on endless answers and on silence", async () => {
    const endless = await httpProbe("x".repeat(40_000));
    expect(endless.outcome).toEqual({ ok: false, reason: "answered something that is not HTTP/1.1" });
    const silent = await httpProbe("", { timeoutMs: 50 });
    expect(silent.outcome).toEqual({ ok: false, reason: "no answer in time" });
  });

  test("fails when the connection closes without an answer", async () => {
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => socket.terminate() },
    });
    const outcome = await probe(originOf(`http://127.0.0.1:${server.port}`), HTTP);
    expect(outcome.ok).toBe(false);
    server.stop(true);
  });
});

describe("an https probe", () => {
  let server: Bun.Server<undefined>;

  beforeAll(() => {
    server = Bun.serve({ port: 0, development: false, tls: selfSigned(), fetch: () => new Response("up") });
  });
  afterAll(() => void server.stop(true));

  test("verifies the certificate unless told not to", async () => {
    const origin = originOf(`https://127.0.0.1:${server.port}`);
    const strict = await probe(origin, HTTP);
    expect(!strict.ok && strict.reason).toContain("certificate is not trusted");
    expect((await probe(origin, { ...HTTP, tls: { ...HTTP.tls, verify: false } })).ok).toBe(true);
  });
});

describe("the schedule", () => {
  test("probes each distinct origin; the backend is down when all are", async () => {
    const down = new Set<string>();
    const { prober, until } = start((origin) => !down.has(origin.host));
    prober.watch(backend(["http://one/", "http://two", "http://one"]));
    await until((report) => report.health.status === "healthy");
    down.add("one");
    const half = await until((report) => report.originAfter === "unhealthy");
    expect(half).toMatchObject({ originBefore: "healthy", health: { status: "healthy", latencyMs: 10 } });
    down.add("two");
    await until((report) => report.health.status === "unhealthy");
    down.clear();
    await until((report) => report.health.status === "healthy");
    prober.stop();
  });

  test("keeps the state of origins that a new registration keeps", async () => {
    const { prober, until } = start(() => true);
    prober.watch(backend(["http://one"]));
    await until((report) => report.health.status === "healthy");
    prober.watch(backend(["http://one", "http://two"]));
    expect(prober.healthOf("a")?.status).toBe("healthy");
    prober.watch(backend(["http://three"]));
    expect(prober.healthOf("a")).toEqual({ status: UNPROBED.status, latencyMs: 0, down: new Set() });
    prober.forget("a");
    expect(prober.healthOf("a")).toBeNull();
    prober.stop();
  });

  test("runs a bounded number at once", async () => {
    let running = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const started = Promise.withResolvers<void>();
    const prober = new Prober({
      isEnabled: true,
      intervalMs: 60_000,
      thresholds: { healthy: 2, unhealthy: 3 },
      probe: async () => {
        running++;
        most = Math.max(most, running);
        if (running === 64) started.resolve();
        await new Promise<void>((resolve) => release.push(resolve));
        running--;
        return { ok: true, latencyMs: 1 };
      },
      onProbe: () => {},
      random: () => 0,
    });
    for (let index = 0; index < 200; index++) {
      prober.watch({ ...backend([`http://h${index}`]), clientId: `c${index}` });
    }
    await started.promise;
    for (let done = 0; done < 200; ) {
      for (const finish of release.splice(0)) {
        finish();
        done++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(most).toBe(64);
    prober.stop();
  });
});

test("no probe waits for as long as it was to when the interval is shorter now", async () => {
  const probed = Promise.withResolvers<void>();
  let probes = 0;
  let random = 0;
  const options = { isEnabled: true, intervalMs: 3_600_000, thresholds: { healthy: 2, unhealthy: 3 } };
  const prober: Prober = new Prober(
    Object.assign(options, {
      probe: async () => {
        if (++probes === 2) probed.resolve();
        return { ok: true, latencyMs: 1 } as const;
      },
      onProbe: () => {
        // Its next probe has a time from the next turn on.
        setImmediate(() => {
          random = 0.5;
          options.intervalMs = 10;
          prober.adapt();
        });
      },
      random: () => random,
    }),
  );
  prober.watch(backend(["http://h"]));
  await probed.promise;
  prober.stop();
});

test("connects that outlive their probes hold up others beyond a bound", async () => {
  let started = 0;
  const release: (() => void)[] = [];
  const full = Promise.withResolvers<void>();
  const more = Promise.withResolvers<void>();
  const prober = new Prober({
    isEnabled: true,
    intervalMs: 3_600_000,
    thresholds: { healthy: 2, unhealthy: 3 },
    probe: async () => {
      started++;
      if (started === 320) full.resolve();
      if (started === 321) more.resolve();
      const forsaken = new Promise<void>((resolve) => release.push(resolve));
      return { ok: false, reason: "no answer in time", forsaken };
    },
    onProbe: () => {},
    random: () => 0,
  });
  for (let index = 0; index < 400; index++) {
    prober.watch({ ...backend([`http://h${index}`]), clientId: `c${index}` });
  }
  await full.promise;
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(started).toBe(320);
  release.shift()?.();
  await more.promise;
  prober.stop();
});

function backend(urls: readonly string[]): Backend {
  return {
    row: 0,
    generation: 1,
    clientId: "a",
    hostname: "",
    endpoints: urls.map((url) => ({ url, origin: originOf(url) })),
    pathGroup: 0,
  };
}

/** A prober of fake origins; `report` resolves with each next report. */
function start(answers: (origin: Origin) => boolean) {
  const reports: ProbeReport[] = [];
  const waiting: ((report: ProbeReport) => void)[] = [];
  const prober = new Prober({
    isEnabled: true,
    intervalMs: 1,
    thresholds: { healthy: 2, unhealthy: 3 },
    probe: async (origin) =>
      answers(origin) ? { ok: true, latencyMs: 10 } : { ok: false, reason: "refused" },
    onProbe: (report) => {
      reports.push(report);
      waiting.shift()?.(report);
    },
    random: () => 0,
  });
  const next = (): Promise<ProbeReport> => new Promise((resolve) => waiting.push(resolve));
  const until = async (isDone: (report: ProbeReport) => boolean): Promise<ProbeReport> => {
    for (;;) {
      const report = await next();
      if (isDone(report)) return report;
    }
  };
  return { prober, reports, until };
}

test("of a name with several addresses the next probe asks another one", async () => {
  const server = answering("HTTP/1.1 200 OK\r\n\r\n");
  const names = new NameResolver({
    lookup: async () => ({ addresses: ["127.0.0.9", "127.0.0.1"], ttlSeconds: 60 }),
    now: () => 0,
    onStale: () => {},
  });
  const origin = originOf(`http://two.test:${server.port}`);
  const outcomes: boolean[] = [];
  for (let at = 0; at < 6; at++) outcomes.push((await probe(origin, { ...HTTP, names })).ok);
  expect(outcomes.filter((ok) => !ok).length).toBeLessThanOrEqual(1);
  server.stop(true);
});

describe("endpoints of HTTP/2", () => {
  test("are alive when they say what they are and answer a ping", async () => {
    await using peer = new Http2Backend(() => {});
    expect((await probe(originOf(`h2c://127.0.0.1:${peer.port}`), HTTP)).ok).toBe(true);
  });

  test("are not when they speak something else", async () => {
    using server = answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    const outcome = await probe(originOf(`h2c://127.0.0.1:${server.port}`), HTTP);
    expect(!outcome.ok && outcome.reason).toContain("speaks no HTTP/2");
  });
});
