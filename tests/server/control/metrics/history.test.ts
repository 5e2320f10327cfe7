import { expect, test } from "bun:test";
import { openTables, type Tables } from "../../../../core/table/tables.ts";
import { HistoryLevel } from "../../../../server/control/metrics/history-level.ts";
import { newTables } from "../../../sim/fixtures.ts";

const START_MS = 1_800_000_000_000;
const POINTS = 10;

interface Bench {
  readonly level: HistoryLevel;
  readonly tables: Tables;
  /** Lets a worker serve requests of a backend. */
  readonly serve: (
    backend: { row: number; generation: number },
    count: number,
    status?: number,
    durationMs?: number,
  ) => void;
}

function bench(mostRows = 4): Bench {
  const shared = newTables({ maxBackends: 8, workers: 1, durationBoundsMs: [10, 100, 1000] });
  const tables = openTables(shared);
  const worker = openTables(shared, 0);
  return {
    tables,
    level: new HistoryLevel(tables, { stepMs: 1000, points: POINTS, mostRows }, START_MS),
    serve: ({ row, generation }, count, status = 200, durationMs = 50) => {
      const end = { status, durationMs, queuedMs: 0, bytesIn: 0, bytesOut: 0, nowMs: START_MS };
      for (let each = 0; each < count; each++) worker.traffic.ended(row, generation, end);
      worker.counters.inc(0, "requests", count);
    },
  };
}

function claim(tables: Tables): { row: number; generation: number } {
  const claimed = tables.backends.claimRow();
  if (claimed === null) throw new Error("no row is free");
  return claimed;
}

test("each step has the rate, errors and durations of what happened in it", () => {
  const { level, tables, serve } = bench();
  const backend = claim(tables);
  level.take(() => [backend], START_MS + 1000);
  serve(backend, 8);
  serve(backend, 2, 503, 900);
  tables.backends.columns.inFlight[backend.row] = 3;
  level.take(() => [backend], START_MS + 2000);
  serve(backend, 5);
  level.take(() => [backend], START_MS + 2400);
  level.take(() => [backend], START_MS + 3000);
  for (const of of [null, backend]) {
    const window = level.window(3, of);
    expect(window?.rate.slice(1)).toEqual([10, 5]);
    expect(window?.error_rate.slice(1)).toEqual([0.2, 0]);
    expect(window?.in_flight.slice(1)).toEqual([3, 3]);
    const [, p50 = null] = window?.p50_ms ?? [];
    const [, p99 = null] = window?.p99_ms ?? [];
    expect(p50).toBeGreaterThan(31);
    expect(p50).toBeLessThan(57);
    expect(p99).toBeGreaterThan(560);
    expect(p99).toBeLessThan(1001);
  }
  expect(level.errorRate(3, backend)).toBeCloseTo(2 / 15);
});

test("steps in which nobody looked are unknown, and what they had is spread over the time that has passed", () => {
  const { level, tables, serve } = bench();
  const backend = claim(tables);
  level.take(() => [backend], START_MS + 1000);
  serve(backend, 40);
  level.take(() => [backend], START_MS + 5000);
  expect(level.window(5, null)?.rate).toEqual([0, null, null, null, 10]);
  serve(backend, 50);
  level.take(() => [backend], START_MS + 1_000_000);
  const window = level.window(POINTS, backend);
  expect(window?.rate.slice(0, -1)).toEqual(Array.from({ length: POINTS - 1 }, () => null));
  expect(window?.rate.at(-1)).toBeCloseTo(50 / 995);
});

test("the window never has more than there are points, and moves on", () => {
  const { level, tables, serve } = bench();
  const backend = claim(tables);
  for (let second = 1; second <= 3 * POINTS; second++) {
    serve(backend, second);
    level.take(() => [backend], START_MS + second * 1000);
  }
  expect(level.window(10_000, null)?.rate).toEqual(
    Array.from({ length: POINTS }, (_, at) => 2 * POINTS + at + 1),
  );
});

test("a row's new owner has no part in the past of the former, and there is a limit to those followed", () => {
  const { level, tables, serve } = bench(2);
  const backends = [claim(tables), claim(tables), claim(tables)];
  const [first, second, third] = backends;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three rows");
  level.take(() => backends, START_MS + 1000);
  expect(level.window(1, third)).toBeNull();
  serve(first, 7);
  level.take(() => backends, START_MS + 2000);
  tables.backends.releaseRow(first.row);
  const successor = claim(tables);
  expect(successor.row).toBe(first.row);
  serve(successor, 3);
  level.take(() => [successor, second, third], START_MS + 3000);
  expect(level.window(2, first)).toBeNull();
  serve(successor, 4);
  level.take(() => [successor, second, third], START_MS + 4000);
  expect(level.window(3, successor)?.rate.slice(0, 2)).toEqual([null, null]);
  expect(level.window(1, successor)?.rate).toEqual([4]);
});

test("quiet steps are known as such, whether before or after something happened", () => {
  const { level, tables, serve } = bench();
  const backend = claim(tables);
  for (let second = 1; second <= 4; second++) level.take(() => [backend], START_MS + second * 1000);
  expect(level.window(6, null)?.rate).toEqual([null, null, 0, 0, 0, 0]);
  expect(level.window(5, backend)?.rate).toEqual([null, null, 0, 0, 0]);
  expect(level.window(3, backend)?.in_flight).toEqual([0, 0, 0]);
  serve(backend, 6);
  for (let second = 5; second <= 7; second++) level.take(() => [backend], START_MS + second * 1000);
  for (const of of [null, backend]) {
    expect(level.window(6, of)?.rate).toEqual([0, 0, 0, 6, 0, 0]);
    expect(level.window(6, of)?.p50_ms.map((p50) => p50 === null)).toEqual([
      true,
      true,
      true,
      false,
      true,
      true,
    ]);
  }
  for (let second = 8; second <= 7 + 2 * POINTS; second++)
    level.take(() => [backend], START_MS + second * 1000);
  serve(backend, 3);
  level.take(() => [backend], START_MS + (8 + 2 * POINTS) * 1000);
  expect(level.window(POINTS, backend)?.rate).toEqual([...Array.from({ length: POINTS - 1 }, () => 0), 3]);
});

test("what is in flight is seen when it begins, and when it is over", () => {
  const { level, tables } = bench();
  const backend = claim(tables);
  const { inFlight } = tables.backends.columns;
  level.take(() => [backend], START_MS + 1000);
  level.take(() => [backend], START_MS + 2000);
  inFlight[backend.row] = 2;
  tables.counters.inc(0, "picks");
  level.take(() => [backend], START_MS + 3000);
  level.take(() => [backend], START_MS + 4000);
  inFlight[backend.row] = 0;
  level.take(() => [backend], START_MS + 5000);
  level.take(() => [backend], START_MS + 6000);
  expect(level.window(5, backend)?.in_flight).toEqual([0, 2, 2, 0, 0]);
  expect(level.window(5, null)?.in_flight).toEqual([0, 2, 2, 0, 0]);
});
