/** The limits of a backend under as many requests as four threads can bring, with connections that come and go. */
import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { socketsTo } from "../../../support/kernel-sockets.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { call } from "../../../support/raw-client.ts";
import { seeded } from "../../../support/seeded.ts";
import { Cell } from "../cell.ts";
import { Threads } from "../threads.ts";

const CLIENTS = 40;
const ROUNDS = 8;

/** A backend that counts the requests that it has at one time, and ends connections as it likes. */
async function counting(): Promise<{ readonly backend: RawBackend; readonly peak: () => number }> {
  const random = seeded(5);
  let now = 0;
  let peak = 0;
  const backend = await RawBackend.start({
    respond: async (_request, wire) => {
      peak = Math.max(peak, ++now);
      // Lets the other threads bring more, if they may.
      for (let turn = random.below(4); turn > 0; turn--)
        await new Promise<void>((next) => setImmediate(next));
      now--;
      const isLast = random.next() < 0.3;
      await wire.send(
        `HTTP/1.1 200 OK\r\n${isLast ? "Connection: close\r\n" : ""}Content-Length: 2\r\n\r\nok`,
      );
      if (!isLast) return true;
      wire.finish();
      return false;
    },
  });
  return { backend, peak: () => peak };
}

/**
 * How many connections to a port are open for sure. The kernel writes its list piece by piece while connections come and
 * go: those that are in two lists have been there together when the first one ended.
 */
function openTo(port: number): number {
  const ours = (): number[] =>
    socketsTo(port).flatMap(({ isOurs, localPort }) => (isOurs ? [localPort] : []));
  const first = new Set(ours());
  return ours().filter((localPort) => first.has(localPort)).length;
}

async function hammer(port: number): Promise<number[]> {
  const clients = Array.from({ length: CLIENTS }, async () => {
    const statuses: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      statuses.push((await call({ port }, "GET", "/", { deadlineMs: 30_000 })).status);
    }
    return statuses;
  });
  return (await Promise.all(clients)).flat();
}

const QUEUE = { queue_timeout_seconds: 60, queue_max: 1000, connect_timeout_seconds: 20 };

test.skipIf(process.platform !== "linux")(
  "max_connections holds for all workers together, as the kernel counts them",
  async () => {
    const { backend, peak } = await counting();
    await using _ = backend;
    const limit = 3;
    await using threads = await Threads.start(4, [{ ports: [backend.port], maxConnections: limit }], {
      config: QUEUE,
    });
    const counts: number[] = [];
    const sampling = setInterval(() => counts.push(openTo(backend.port)), 25);
    const statuses = await hammer(threads.port);
    clearInterval(sampling);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(counts.length).toBeGreaterThan(5);
    expect(Math.max(...counts)).toBe(limit);
    expect(peak()).toBeLessThanOrEqual(limit);
    expect(backend.connections.length).toBeGreaterThan(limit);
  },
  60_000,
);

test("max_in_flight holds for all workers together, as the backend counts them", async () => {
  const { backend, peak } = await counting();
  await using _ = backend;
  const limit = 3;
  await using threads = await Threads.start(4, [{ ports: [backend.port], maxInFlight: limit }], {
    config: QUEUE,
  });
  const statuses = await hammer(threads.port);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(peak()).toBe(limit);
}, 60_000);

test("who waits for a connection lets the thread do its work, and does not look without end", async () => {
  const go = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await go.promise;
      await answer(wire, 200, "ok");
    },
  });
  await using cell = await Cell.start({ config: QUEUE });
  cell.add({ ports: [backend.port], maxConnections: 1 });
  const first = call({ port: cell.port }, "GET", "/");
  await eventually("the first one is there", () => backend.requests.length === 1);
  const others = [call({ port: cell.port }, "GET", "/"), call({ port: cell.port }, "GET", "/")];
  await eventually("the others wait", () => cell.tables.queue.size === 2);
  const before = cell.tables.queue.bell;
  const looks = cell.tables.counters.sum("picks");
  await eventually("both have looked again", () => cell.tables.counters.sum("picks") >= looks + 10);
  // None of these looks is news to anybody.
  expect(cell.tables.queue.bell - before).toBeLessThan(20);
  go.resolve();
  expect((await Promise.all([first, ...others])).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(backend.connections).toHaveLength(1);
});
