import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { answer, RawBackend, type Responder } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell, writeFigures } from "../cell.ts";
import { Threads } from "../threads.ts";

const QUEUE = { queue_timeout_seconds: 20 };

/** Answers requests one by one, as the test says. */
class Turnstile {
  readonly arrived: string[] = [];
  readonly #open: (() => void)[] = [];

  readonly respond: Responder = async (request, wire) => {
    this.arrived.push(request.startLine.split(" ")[1] ?? "");
    await new Promise<void>((resolve) => this.#open.push(resolve));
    await answer(wire, 200, "ok");
  };

  async letOneGo(): Promise<void> {
    await eventually("a request is at the turnstile", () => this.#open.length > 0);
    this.#open.shift()?.();
  }
}

/** Sends a request on a connection of its own; gives the status. */
async function send(port: number, path: string): Promise<string> {
  await using client = await openClient({ port });
  await client.send(`GET ${path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n`);
  const { startLine } = await client.readResponse("GET", 30_000);
  return startLine.split(" ")[1] ?? "";
}

for (const workers of [1, 4]) {
  test(`requests that wait are served in the order of their arrival, over ${workers} workers`, async () => {
    const gate = new Turnstile();
    await using backend = await RawBackend.start({ respond: gate.respond });
    const behind = { ports: [backend.port], maxInFlight: 1 };
    await using threads = await Threads.start(workers, [behind], { config: QUEUE });
    const paths = Array.from({ length: 12 }, (_, at) => `/${at}`);
    const statuses: Promise<string>[] = [];
    for (const [at, path] of paths.entries()) {
      statuses.push(send(threads.port, path));
      const isNext = (): boolean => (at === 0 ? gate.arrived.length === 1 : threads.tables.queue.size === at);
      await eventually(`${path} is at the backend, or waits`, isNext);
    }
    for (const _ of paths) {
      await gate.letOneGo();
      expect(threads.tables.backends.inFlight(0)).toBeLessThanOrEqual(1);
    }
    expect(await Promise.all(statuses)).toEqual(paths.map(() => "200"));
    expect(gate.arrived).toEqual(paths);
    expect(threads.tables.queue.size).toBe(0);
  });
}

test("who waits for too long gets 503 and a hint when to come again", async () => {
  const gate = new Turnstile();
  await using backend = await RawBackend.start({ respond: gate.respond });
  await using cell = await Cell.start({ config: { queue_timeout_seconds: 1 } });
  const { row } = cell.add({ ports: [backend.port], maxInFlight: 1 });
  const first = send(cell.port, "/first");
  await eventually("the first is at the backend", () => gate.arrived.length === 1);
  const late = await call({ port: cell.port }, "GET", "/late");
  expect([late.status, late.header("X-Opsen-Error"), late.header("Retry-After")]).toEqual([
    503,
    "queue_timeout",
    "1",
  ]);
  await gate.letOneGo();
  expect(await first).toBe("200");
  expect([gate.arrived, cell.tables.queue.size, cell.tables.backends.inFlight(row)]).toEqual([
    ["/first"],
    0,
    0,
  ]);
  expect(cell.tables.counters.sum("queue_timeouts")).toBe(1);
});

test("no more wait than may, the others are refused at once", async () => {
  const gate = new Turnstile();
  await using backend = await RawBackend.start({ respond: gate.respond });
  await using cell = await Cell.start({ config: { ...QUEUE, queue_max: 2 } });
  cell.add({ ports: [backend.port], maxInFlight: 1 });
  const served = ["/0", "/1", "/2"].map((path) => send(cell.port, path));
  await eventually("two wait", () => cell.tables.queue.size === 2);
  const refused = await call({ port: cell.port }, "GET", "/3");
  expect([refused.status, refused.header("X-Opsen-Error")]).toEqual([503, "no_capacity"]);
  for (const _ of served) await gate.letOneGo();
  expect(await Promise.all(served)).toEqual(["200", "200", "200"]);
});

test("a report that brings room is heard", async () => {
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "ok") });
  await using cell = await Cell.start({ config: QUEUE });
  const { row } = cell.add({ ports: [backend.port], cores: 0 });
  const waiting = send(cell.port, "/");
  await eventually("it waits", () => cell.tables.queue.size === 1);
  writeFigures(cell.tables, row, { ports: [backend.port], cores: 2 });
  expect(await waiting).toBe("200");
});

test("a client that leaves gives its place up", async () => {
  const gate = new Turnstile();
  await using backend = await RawBackend.start({ respond: gate.respond });
  await using cell = await Cell.start({ config: QUEUE });
  cell.add({ ports: [backend.port], maxInFlight: 1 });
  const first = send(cell.port, "/first");
  await eventually("the first is at the backend", () => gate.arrived.length === 1);
  const leaver = await openClient({ port: cell.port });
  await leaver.send("GET /leaver HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the leaver waits", () => cell.tables.queue.size === 1);
  const last = send(cell.port, "/last");
  await eventually("the last waits", () => cell.tables.queue.size === 2);
  leaver.reset();
  await eventually("the leaver's place is free", () => cell.tables.queue.size === 1);
  await gate.letOneGo();
  await gate.letOneGo();
  expect(await Promise.all([first, last])).toEqual(["200", "200"]);
  expect(gate.arrived).toEqual(["/first", "/last"]);
});

test("who waits for one service does not hold up another", async () => {
  const gate = new Turnstile();
  await using busy = await RawBackend.start({ respond: gate.respond });
  await using free = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "free") });
  await using cell = await Cell.start({ config: QUEUE });
  cell.add({ ports: [busy.port], patterns: [["/busy"]], maxInFlight: 1 });
  cell.add({ ports: [free.port], patterns: [["/free"]] });
  const served = [send(cell.port, "/busy/1"), send(cell.port, "/busy/2")];
  await eventually("one waits", () => cell.tables.queue.size === 1);
  expect((await call({ port: cell.port }, "GET", "/free")).text).toBe("free");
  await gate.letOneGo();
  await gate.letOneGo();
  expect(await Promise.all(served)).toEqual(["200", "200"]);
});

test("a session waits for its own backend rather than lose it", async () => {
  const gate = new Turnstile();
  await using own = await RawBackend.start({ respond: gate.respond });
  await using other = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "other") });
  await using cell = await Cell.start({ config: { ...QUEUE, sticky_header: "X-Session" } });
  const target = { port: cell.port };
  cell.add({ ports: [own.port], score: 0, maxInFlight: 1 });
  const session = { headers: { "X-Session": "s" } };
  const first = call(target, "GET", "/first", session);
  await eventually("the first is at its backend", () => gate.arrived.length === 1);
  cell.add({ ports: [other.port], score: 10 });
  const second = call(target, "GET", "/second", session);
  await eventually("the second waits", () => cell.tables.queue.size === 1);
  expect((await call(target, "GET", "/")).text).toBe("other");
  await gate.letOneGo();
  await gate.letOneGo();
  expect([(await first).status, (await second).status]).toEqual([200, 200]);
  expect(gate.arrived).toEqual(["/first", "/second"]);
});

test("with a limit on connections no more are made, and no request is refused for want of one", async () => {
  const counts: number[] = [];
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "ok") });
  const behind = { ports: [backend.port], maxConnections: 3, maxInFlight: 3 };
  const config = { ...QUEUE, connect_timeout_seconds: 20 };
  await using threads = await Threads.start(4, [behind], { config });
  const rounds = Array.from({ length: 40 }, async (_, client) => {
    const statuses: string[] = [];
    for (let round = 0; round < 10; round++) {
      statuses.push(await send(threads.port, `/${client}/${round}`));
      counts.push(threads.tables.connections.open(0));
    }
    return statuses;
  });
  const statuses = (await Promise.all(rounds)).flat();
  expect(statuses.filter((status) => status !== "200")).toEqual([]);
  expect(Math.max(...counts)).toBeLessThanOrEqual(3);
  expect(backend.requests).toHaveLength(400);
  // Connections go from worker to worker, so that there are more than three in the end, but most requests use one again.
  expect(backend.connections.length).toBeLessThan(400);
});
