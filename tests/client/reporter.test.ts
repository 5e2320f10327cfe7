import { afterEach, describe, expect, test } from "bun:test";
import { Reporter, type ReporterEnd } from "../../client/reporter.ts";
import { retryAfterMs, ServerApi } from "../../client/server-api.ts";
import { AGENT_TOKEN_HEADER } from "../../core/wire/registration.ts";
import type { Report } from "../../core/wire/report.ts";
import { ManualScheduler, recordingLogger } from "./fakes.ts";

interface Seen {
  readonly call: string;
  readonly token: string | null;
  readonly key: string | null;
  readonly body: unknown;
}

type Scripted = Response;

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const OK = (): Response => Response.json({ status: "ok" });
/** As the original's server answers. */
const BARE = (): Response => Response.json({ status: "registered" });
const REGISTERED = (): Response => Response.json({ status: "registered", agent_token: "secret-token" });
const STATUS = (status: number, headers: Record<string, string> = {}): Response =>
  Response.json({ title: "No", status, detail: `because ${status}` }, { status, headers });

/** A server that answers from a list; what it was asked comes out of `next()` in order. */
function scriptedServer(script: Scripted[]): { url: string; next: () => Promise<Seen> } {
  const seen: Seen[] = [];
  const waiting: ((value: Seen) => void)[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    async fetch(request) {
      const text = await request.text();
      const entry: Seen = {
        call: `${request.method} ${new URL(request.url).pathname}`,
        token: request.headers.get(AGENT_TOKEN_HEADER),
        key: request.headers.get("X-API-Key"),
        body: text === "" ? null : JSON.parse(text),
      };
      const answer = script.shift() ?? OK();
      const waiter = waiting.shift();
      if (waiter === undefined) seen.push(entry);
      else waiter(entry);
      return answer;
    },
  });
  cleanups.push(() => void server.stop(true));
  return {
    url: `http://127.0.0.1:${server.port}`,
    next: () => {
      const entry = seen.shift();
      if (entry !== undefined) return Promise.resolve(entry);
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
  };
}

interface Rig {
  readonly reporter: Reporter;
  readonly scheduler: ManualScheduler;
  readonly next: () => Promise<Seen>;
  readonly messages: () => string[];
  readonly text: () => string;
  readonly end: Promise<ReporterEnd>;
  readonly tokens: (string | null)[];
}

interface RigOptions {
  readonly intervalMs?: number;
  readonly url?: string;
  readonly token?: string;
  readonly report?: () => Report | null;
  readonly ready?: Promise<void>;
  /** What each registration says, in turn. */
  readonly place?: () => Promise<string>;
}

const REPORT: Report = {
  client_id: "b1",
  cpu_usage_avg: [1, 2, 3, 4],
  memory_total_gb: 8,
  memory_used_gb: 1,
  memory_avail_gb: 7,
  disk_total_gb: 9,
  disk_used_gb: 2,
  disk_avail_gb: 7,
};

function rig(script: Scripted[], options: RigOptions = {}): Rig {
  const server = scriptedServer(script);
  const scheduler = new ManualScheduler();
  const { log, lines } = recordingLogger();
  const serverApi = new ServerApi({
    serverUrl: `${options.url ?? server.url}/`,
    key: "the-key",
    insecureTls: false,
    version: "9.9.9",
    timeoutMs: 5000,
  });
  const tokens: (string | null)[] = [];
  let token = options.token ?? null;
  const reporter = new Reporter({
    api: serverApi,
    scheduler,
    log,
    intervalMs: options.intervalMs ?? 60_000,
    identity: {
      get token() {
        return token;
      },
      setToken(value) {
        token = value;
        tokens.push(value);
      },
    },
    source: {
      get ready() {
        return options.ready ?? Promise.resolve();
      },
      registration: async () =>
        options.place === undefined ? { client_id: "b1" } : { client_id: "b1", city: await options.place() },
      report: options.report ?? (() => REPORT),
    },
  });
  cleanups.push(() => reporter.stop());
  const end = reporter.run();
  const messages = () => lines.map((line) => `${line.level}: ${line.message}`);
  return { reporter, scheduler, next: server.next, messages, text: () => JSON.stringify(lines), end, tokens };
}

describe("registration", () => {
  test("is followed by a report at once, then one each interval, with key and token", async () => {
    const { next, scheduler, tokens, text } = rig([REGISTERED(), OK(), OK()]);
    expect(await next()).toEqual({
      call: "POST /register",
      token: null,
      key: "the-key",
      body: { client_id: "b1" },
    });
    const first = await next();
    expect(first.call).toBe("POST /stats");
    expect(first.token).toBe("secret-token");
    expect(first.key).toBe("the-key");
    expect(scheduler.nowMs).toBe(0);
    // Chance is at its upper end: 5 % late.
    expect(await scheduler.fire()).toBeCloseTo(63_000);
    expect((await next()).call).toBe("POST /stats");
    expect(tokens).toEqual(["secret-token"]);
    expect(text()).not.toContain("secret-token");
    expect(text()).not.toContain("the-key");
  });

  test("is tried for ever, with growing waits, on whatever may pass", async () => {
    const statuses = [500, 502, 503, 504, 408, 404, 301, 500];
    const { next, scheduler } = rig([...statuses.map((status) => STATUS(status)), REGISTERED()]);
    const waits: number[] = [];
    for (const _ of statuses) {
      expect((await next()).call).toBe("POST /register");
      waits.push(await scheduler.fire());
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect((await next()).call).toBe("POST /register");
    expect((await next()).call).toBe("POST /stats");
  });

  test("waits as long as a 429 asks", async () => {
    const { next, scheduler } = rig([STATUS(429, { "Retry-After": "17" }), REGISTERED()]);
    await next();
    expect(await scheduler.fire()).toBe(17_000);
    expect((await next()).call).toBe("POST /register");
  });

  test("goes on while the server cannot be reached", async () => {
    const free = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => OK() });
    const url = `http://127.0.0.1:${free.port}`;
    await free.stop(true);
    const { scheduler, messages } = rig([], { url });
    expect(await scheduler.fire()).toBe(1000);
    expect(await scheduler.fire()).toBe(2000);
    const failed = "warn: registration failed; trying again";
    expect(messages()).toEqual([failed, failed]);
  });

  test.each([400, 401, 403])("ends at once with the server's words on %d", async (status) => {
    const { end } = rig([STATUS(status)]);
    expect(await end).toEqual({
      kind: "refused",
      detail: `the server answered ${status}: because ${status}`,
    });
  });

  test("waits while the id is held by another agent", async () => {
    const { next, scheduler, messages } = rig([STATUS(409), REGISTERED()], { token: "kept-token" });
    expect((await next()).token).toBe("kept-token");
    await scheduler.fire();
    expect((await next()).call).toBe("POST /register");
    expect(messages()[0]).toContain("held by another agent");
  });

  test("works with a server that gives no token and says received", async () => {
    const { next, scheduler, tokens } = rig([
      Response.json({ status: "registered" }),
      Response.json({ status: "received" }),
    ]);
    await next();
    expect((await next()).token).toBeNull();
    await scheduler.fire();
    expect((await next()).call).toBe("POST /stats");
    expect(tokens).toEqual([]);
  });

  test("is repeated from time to time with a server that gives no token", async () => {
    const { next, scheduler, reporter } = rig([BARE(), ...Array.from({ length: 5 }, OK), BARE(), OK()]);
    const calls: string[] = [];
    for (let i = 0; i < 8; i++) {
      calls.push((await next()).call);
      if (i > 0 && i < 6) await scheduler.fire();
    }
    // Such a server takes reports of agents that it has forgotten.
    expect(calls).toEqual([
      "POST /register",
      ...Array<string>(5).fill("POST /stats"),
      "POST /register",
      "POST /stats",
    ]);
    expect(scheduler.nowMs).toBeGreaterThanOrEqual(300_000);
    expect(reporter.isFarewellDue).toBe(false);
  });

  test("is not what any web server says", async () => {
    const { next, scheduler, messages, reporter } = rig([
      new Response("<html>It works!</html>"),
      Response.json({ ok: true }),
      REGISTERED(),
      OK(),
    ]);
    for (let i = 0; i < 2; i++) {
      expect((await next()).call).toBe("POST /register");
      await scheduler.fire();
    }
    expect(messages()).toEqual(Array<string>(2).fill("warn: registration failed; trying again"));
    expect((await next()).call).toBe("POST /register");
    expect((await next()).call).toBe("POST /stats");
    expect(reporter.isFarewellDue).toBe(true);
  });
});

describe("reports", () => {
  test("a 404 registers again at once and reports at once", async () => {
    const { next, scheduler } = rig([REGISTERED(), OK(), STATUS(404), REGISTERED(), OK()]);
    await next();
    await next();
    await scheduler.fire();
    const calls = [(await next()).call, (await next()).call, (await next()).call];
    expect(calls).toEqual(["POST /stats", "POST /register", "POST /stats"]);
    expect(scheduler.nowMs).toBeCloseTo(63_000);
  });

  test("a server that registers but never knows us is asked ever less often", async () => {
    const rounds = Array.from({ length: 4 }, () => [REGISTERED(), STATUS(404)]).flat();
    const { next, scheduler } = rig(rounds);
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      await next();
      await next();
      waits.push(await scheduler.fire());
    }
    expect(waits).toEqual([1000, 2000, 4000]);
  });

  test("a refusal after acceptance is not the end", async () => {
    const { next, scheduler } = rig([REGISTERED(), OK(), STATUS(401), STATUS(401), REGISTERED()]);
    await next();
    await next();
    await scheduler.fire();
    expect((await next()).call).toBe("POST /stats");
    expect((await next()).call).toBe("POST /register");
    await scheduler.fire();
    expect((await next()).call).toBe("POST /register");
    expect((await next()).call).toBe("POST /stats");
  });

  test("five failures open the circuit; after its pause one trial decides", async () => {
    const failures = Array.from({ length: 6 }, () => STATUS(500));
    const { next, scheduler, messages } = rig([REGISTERED(), ...failures, OK(), OK()]);
    await next();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      expect((await next()).call).toBe("POST /stats");
      waits.push(await scheduler.fire());
    }
    // Two short tries, then the interval, then a short try: five failures.
    expect(waits.map(Math.round)).toEqual([1000, 2000, 63_000, 1000]);
    await next();
    const openedMs = scheduler.nowMs;
    // Nothing is sent before two intervals have passed, whatever timers run in between.
    await scheduler.fire();
    while (scheduler.nowMs < openedMs + 120_000) await scheduler.fire();
    expect(scheduler.nowMs).toBe(openedMs + 120_000);
    expect((await next()).call).toBe("POST /stats");
    // The trial failed: another pause, without short tries.
    while (scheduler.nowMs < openedMs + 240_000) await scheduler.fire();
    expect((await next()).call).toBe("POST /stats");
    await scheduler.fire();
    expect((await next()).call).toBe("POST /stats");
    expect(messages().filter((message) => message.includes("circuit breaker open"))).toHaveLength(2);
    expect(messages()).toContain("info: reports are accepted again");
  });

  test("a changed registration is sent at once, and a report after it", async () => {
    const { next, scheduler, reporter } = rig([REGISTERED(), OK(), REGISTERED(), OK()]);
    await next();
    await next();
    await scheduler.idle();
    reporter.registerAgain();
    expect((await next()).call).toBe("POST /register");
    expect((await next()).call).toBe("POST /stats");
    expect(scheduler.nowMs).toBe(0);
  });

  test("a change during the registration is sent with one more", async () => {
    const asked = Promise.withResolvers<void>();
    const first = Promise.withResolvers<string>();
    const places = [first.promise, Promise.resolve("Bern")];
    const { next, reporter } = rig([REGISTERED(), REGISTERED(), OK()], {
      place: () => {
        asked.resolve();
        return places.shift() ?? Promise.resolve("none");
      },
    });
    await asked.promise;
    reporter.registerAgain();
    first.resolve("unknown");
    expect((await next()).body).toEqual({ client_id: "b1", city: "unknown" });
    expect((await next()).body).toEqual({ client_id: "b1", city: "Bern" });
    expect((await next()).call).toBe("POST /stats");
  });

  test("stopping ends the wait for a host that cannot be read", async () => {
    const waits = Promise.withResolvers<void>();
    const ready = {
      // The wait has begun when the promise is asked for.
      get ready() {
        waits.resolve();
        return new Promise<void>(() => {});
      },
    };
    const { next, reporter, end } = rig([REGISTERED()], ready);
    await next();
    await waits.promise;
    reporter.stop();
    expect(await end).toEqual({ kind: "stopped" });
  });

  test("nothing is sent while what a report must hold is unknown", async () => {
    const reports = [null, null, REPORT];
    const { next, scheduler } = rig([REGISTERED(), OK()], { report: () => reports.shift() ?? null });
    await next();
    await scheduler.fire();
    await scheduler.fire();
    expect((await next()).body).toEqual(REPORT);
    expect(scheduler.nowMs).toBeCloseTo(126_000);
  });

  test("stopping ends the wait", async () => {
    const { next, scheduler, reporter, end } = rig([REGISTERED(), OK()]);
    await next();
    await next();
    await scheduler.idle();
    reporter.stop();
    expect(await end).toEqual({ kind: "stopped" });
    expect(scheduler.pending).toBe(0);
  });
});

function api(serverUrl: string, timeoutMs: number): ServerApi {
  return new ServerApi({ serverUrl, key: "", insecureTls: false, version: "1", timeoutMs });
}

describe("calls", () => {
  const never = new AbortController().signal;

  test("end when the server does not answer", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    cleanups.push(() => silent.stop(true));
    const outcome = await api(`http://127.0.0.1:${silent.port}`, 50).deregister("x", null, never);
    expect(outcome).toEqual({ kind: "failure", reason: "no answer within 0.05 seconds" });
  });

  test("read a bounded part of an answer without end", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(new Uint8Array(16_384).fill(65));
            },
          }),
        ),
    });
    cleanups.push(() => void server.stop(true));
    const outcome = await api(`http://127.0.0.1:${server.port}`, 5000).deregister("x", null, never);
    expect(outcome.kind === "answer" ? outcome.body.length : 0).toBe(65_536);
  });

  test("take both forms of Retry-After", () => {
    const nowMs = Date.UTC(2026, 0, 1);
    expect(retryAfterMs("120", nowMs)).toBe(120_000);
    expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", nowMs)).toBe(30_000);
    expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", nowMs)).toBe(0);
    expect(retryAfterMs("soon", nowMs)).toBe(0);
    expect(retryAfterMs("", nowMs)).toBe(0);
  });
});
