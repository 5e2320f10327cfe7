import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { answer, RawBackend, type Responder } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

const busy: Responder = (_request, wire) => answer(wire, 503, "busy");
const good: Responder = (_request, wire) => answer(wire, 200, "good");
const resets: Responder = async (_request, wire) => {
  wire.reset();
  return false;
};
/** Failures are to be seen again and again. */
const NO_BREAKER = { breaker_enabled: false };

test.each(["GET", "PUT"])("%s is asked elsewhere upon a status that is to be retried", async (method) => {
  await using first = await RawBackend.start({ respond: busy });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...NO_BREAKER, retry_on_statuses: [502, 503] } });
  const { row } = cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  const body = method === "PUT" ? { body: "content" } : {};
  const got = await call({ port: cell.port }, method, "/", body);
  expect([got.status, got.text]).toEqual([200, "good"]);
  expect(second.requests.map((request) => request.body.toString())).toEqual([body.body ?? ""]);
  await eventually("nothing is held", () => cell.tables.backends.inFlight(row) === 0);
});

test("POST is not, nor is a status that is not named, nor where nobody else is", async () => {
  await using first = await RawBackend.start({
    respond: (request, wire) => answer(wire, request.startLine.includes("/500") ? 500 : 503, "first"),
  });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...NO_BREAKER, retry_on_statuses: [503] } });
  cell.add({ ports: [first.port], score: 0 });
  const target = { port: cell.port };
  expect((await call(target, "GET", "/alone")).text).toBe("first");
  cell.add({ ports: [second.port], score: 10 });
  expect((await call(target, "POST", "/", { body: "x" })).text).toBe("first");
  expect((await call(target, "GET", "/500")).text).toBe("first");
  expect(second.requests).toHaveLength(0);
});

test("no more attempts than retry_attempts allows, whatever the number of backends", async () => {
  const backends = await Promise.all(Array.from({ length: 5 }, () => RawBackend.start({ respond: resets })));
  for (const [attempts, asked] of [
    [0, 1],
    [1, 2],
    [3, 4],
  ]) {
    await using cell = await Cell.start({ config: { ...NO_BREAKER, retry_attempts: attempts } });
    for (const [score, { port }] of backends.entries()) cell.add({ ports: [port], score });
    const before = backends.reduce((sum, { requests }) => sum + requests.length, 0);
    expect((await call({ port: cell.port }, "GET", "/")).status).toBe(502);
    expect(backends.reduce((sum, { requests }) => sum + requests.length, 0) - before).toBe(asked ?? -1);
  }
  await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
});

test("retries beyond the budget are not made, and those that are over make room again", async () => {
  let waiting: (() => void)[] = [];
  await using first = await RawBackend.start({ respond: resets });
  await using second = await RawBackend.start({
    respond: async (_request, wire) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      await answer(wire, 200, "second");
    },
  });
  await using cell = await Cell.start({
    // Of three requests at one time a share of 40 percent is one: the least counts. What they save is for two rounds.
    config: { ...NO_BREAKER, retry_budget_percent: 40, retry_budget_min: 2 },
  });
  cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  const target = { port: cell.port };
  for (let round = 0; round < 2; round++) {
    const kept = [call(target, "GET", "/1"), call(target, "GET", "/2")];
    await eventually("two retries are under way", () => waiting.length === 2);
    expect((await call(target, "GET", "/3")).status).toBe(502);
    for (const go of waiting) go();
    waiting = [];
    expect((await Promise.all(kept)).map(({ text }) => text)).toEqual(["second", "second"]);
    const { retriesOf } = cell.tables.backends.columns;
    await eventually("their places are free", () => retriesOf.every((count) => count === 0));
  }
  expect(cell.tables.counters.sum("retries_over_budget")).toBe(2);
});

test("a client that leaves during the pause before a retry leaves nothing behind", async () => {
  await using first = await RawBackend.start({ respond: resets });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({
    config: { ...NO_BREAKER, retry_backoff_ms: 60_000, retry_backoff_max_ms: 60_000 },
  });
  cell.add({ ports: [first.port], score: 0 });
  const { row } = cell.add({ ports: [second.port], score: 10 });
  const client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the second backend is held", () => cell.tables.backends.inFlight(row) === 1);
  client.reset();
  await eventually("it is given back", () => cell.tables.backends.inFlight(row) === 0);
  expect(second.connections).toHaveLength(0);
  expect(cell.tables.backends.columns.retriesOf.every((count) => count === 0)).toBe(true);
});
