/** What is counted of each backend, whatever becomes of the requests. */
import { expect, test } from "bun:test";
import type { TrafficReading } from "../../../../core/table/figures/traffic-reading.ts";
import { attemptsOf, failuresOf } from "../../../../core/table/figures/traffic-reading.ts";
import { eventually } from "../../../support/eventually.ts";
import { freePort } from "../../../support/free-port.ts";
import { answer, RawBackend, type Responder } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

const NO_BREAKER = { breaker_enabled: false };
const good: Responder = (_request, wire) => answer(wire, 200, "good");
const busy: Responder = (_request, wire) => answer(wire, 503, "busy");

/** Ends in the middle of its answer. */
const cuts: Responder = async (_request, wire) => {
  await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  wire.reset();
  return false;
};

interface Placed {
  readonly row: number;
  readonly generation: number;
}

function reading(cell: Cell, { row, generation }: Placed): TrafficReading {
  return cell.tables.traffic.read(row, generation);
}

test("a failed attempt and the one that replaces it count for their own backends", async () => {
  await using backend = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: NO_BREAKER });
  const dead = cell.add({ ports: [freePort()], score: 0 });
  const alive = cell.add({ ports: [backend.port], score: 10 });
  expect((await call({ port: cell.port }, "POST", "/", { body: "four" })).text).toBe("good");
  expect(reading(cell, dead)).toMatchObject({ requests: 0, errors: 1, retries: 1 });
  expect(attemptsOf(reading(cell, dead))).toBe(1);
  expect(failuresOf(reading(cell, dead))).toBe(1);
  expect(reading(cell, alive)).toMatchObject({
    requests: 1,
    byClass: [0, 1, 0, 0, 0],
    errors: 0,
    retries: 0,
    bytesIn: 4,
    bytesOut: 4,
    connects: 1,
    reuses: 0,
    idle: 1,
  });
  expect((await call({ port: cell.port }, "GET", "/")).text).toBe("good");
  expect(reading(cell, alive)).toMatchObject({ requests: 2, connects: 1, reuses: 1, idle: 1 });
  expect(cell.tables.traffic.readTotal()).toMatchObject({ requests: 2 });
});

test("an answer that is not passed on is a retry, and no error", async () => {
  await using first = await RawBackend.start({ respond: busy });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...NO_BREAKER, retry_on_statuses: [503] } });
  const refusing = cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(200);
  expect(reading(cell, refusing)).toMatchObject({ requests: 0, errors: 0, retries: 1 });
});

test("when nobody else is left the last backend has the error, and no retry", async () => {
  await using cell = await Cell.start({ config: NO_BREAKER });
  const dead = cell.add({ ports: [freePort()] });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(502);
  expect(reading(cell, dead)).toMatchObject({ requests: 1, byClass: [0, 0, 0, 0, 1], errors: 1, retries: 0 });
});

test("an answer that is cut counts as broken beside its status", async () => {
  await using backend = await RawBackend.start({ respond: cuts });
  await using cell = await Cell.start({ config: NO_BREAKER });
  const placed = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually("the end of the exchange", () => reading(cell, placed).requests === 1);
  const { errors, broken, byClass } = reading(cell, placed);
  expect({ errors, broken, byClass }).toEqual({ errors: 1, broken: 1, byClass: [0, 1, 0, 0, 0] });
  expect(failuresOf(reading(cell, placed))).toBe(1);
});

test("a client that leaves is nobody's failure", async () => {
  await using backend = await RawBackend.start({ respond: () => new Promise(() => {}) });
  await using cell = await Cell.start({ config: NO_BREAKER });
  const placed = cell.add({ ports: [backend.port] });
  const client = await openClient({ port: cell.port });
  await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually("the backend has it", () => backend.requests.length === 1);
  await client[Symbol.asyncDispose]();
  await eventually("the end of the exchange", () => reading(cell, placed).requests === 1);
  expect(reading(cell, placed)).toMatchObject({ byClass: [0, 0, 0, 1, 0], errors: 0 });
  expect(failuresOf(reading(cell, placed))).toBe(0);
});

test("management and requests that found no backend are no backend's", async () => {
  await using cell = await Cell.start();
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(503);
  await call({ port: cell.port }, "POST", "/route", { json: { tier: "lite" } });
  expect(cell.tables.traffic.readUnserved()).toMatchObject({ requests: 1, byClass: [0, 0, 0, 0, 1] });
  expect(cell.tables.traffic.readTotal().requests).toBe(1);
});

test("what the cache answers in place of a failing backend is that backend's failure, and no success", async () => {
  const isFailing = { value: false };
  const fields = { "Cache-Control": "max-age=10, stale-if-error=60", Age: "10", ETag: '"1"' };
  await using backend = await RawBackend.start({
    respond: (_request, wire) =>
      isFailing.value ? answer(wire, 503, "busy") : answer(wire, 200, "good", fields),
  });
  await using cell = await Cell.start({ config: { ...NO_BREAKER, cache_enabled: true } });
  const placed = cell.add({ ports: [backend.port] });
  await call({ port: cell.port }, "GET", "/");
  isFailing.value = true;
  const { status, text } = await call({ port: cell.port }, "GET", "/");
  expect([status, text]).toEqual([200, "good"]);
  expect(reading(cell, placed)).toMatchObject({ requests: 1, byClass: [0, 1, 0, 0, 0], retries: 1 });
  expect(failuresOf(reading(cell, placed))).toBe(1);
  await backend[Symbol.asyncDispose]();
  expect((await call({ port: cell.port }, "GET", "/")).text).toBe("good");
  expect(reading(cell, placed)).toMatchObject({ requests: 1, errors: 1, retries: 2 });
  expect(cell.tables.traffic.readUnserved()).toMatchObject({ requests: 2, byClass: [0, 2, 0, 0, 0] });
});
