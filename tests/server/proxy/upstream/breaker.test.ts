import { expect, test } from "bun:test";
import { breakerOf } from "../../../../core/table/backend/breaker-columns.ts";
import { eventually } from "../../../support/eventually.ts";
import { answer, RawBackend, type Responder, refusingPort } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

/** No retries, so that each request says what one backend did. */
const PLAIN = { retry_attempts: 0 };
const good: Responder = (_request, wire) => answer(wire, 200, "good");
const bad: Responder = (_request, wire) => answer(wire, 500, "bad");

function openUntil(cell: Cell, row: number, endpoint = 0): number {
  return cell.tables.backends.columns.breakers.openUntilMs[breakerOf(row, endpoint)] ?? 0;
}

/** Lets the time of an open breaker be over. */
function endTime(cell: Cell, row: number): void {
  cell.tables.backends.columns.breakers.openUntilMs[breakerOf(row, 0)] = 1;
}

async function statuses(cell: Cell, count: number, path = "/"): Promise<number[]> {
  const got: number[] = [];
  for (let at = 0; at < count; at++) got.push((await call({ port: cell.port }, "GET", path)).status);
  return got;
}

test("one refused connection takes a backend out, and the others take its requests", async () => {
  await using backend = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: PLAIN });
  const dead = cell.add({ ports: [await refusingPort()], score: 0 });
  const live = cell.add({ ports: [backend.port], score: 10 });
  expect(await statuses(cell, 10)).toEqual(Array.from({ length: 10 }, () => 200));
  expect(openUntil(cell, dead.row)).toBeGreaterThan(Date.now());
  expect(cell.tables.counters.sum("upstream_connect_failures")).toBe(1);
  expect(openUntil(cell, live.row)).toBe(0);
  expect(cell.messages).toContainEqual({ type: "ejected", ...dead, endpoint: 0 });
});

test("five answers of 500 in a row take a backend out, four do not", async () => {
  let failing = true;
  await using first = await RawBackend.start({ respond: (...args) => (failing ? bad : good)(...args) });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: PLAIN });
  const { row } = cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  expect(await statuses(cell, 4)).toEqual([500, 500, 500, 500]);
  failing = false;
  expect(await statuses(cell, 1)).toEqual([200]);
  failing = true;
  expect(await statuses(cell, 7)).toEqual([500, 500, 500, 500, 500, 200, 200]);
  expect(openUntil(cell, row)).toBeGreaterThan(Date.now());
  expect(second.requests).toHaveLength(2);
});

test("when the time is over exactly one request tries, and what it meets decides", async () => {
  const gate = Promise.withResolvers<void>();
  let isHeld = false;
  let failing = true;
  await using first = await RawBackend.start({
    respond: async (_request, wire) => {
      isHeld = !failing;
      if (isHeld) await gate.promise;
      await answer(wire, failing ? 500 : 200, "first");
    },
  });
  await using second = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "second") });
  await using cell = await Cell.start({ config: { ...PLAIN, breaker_failures: 1 } });
  const { row } = cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  expect(await statuses(cell, 1)).toEqual([500]);
  endTime(cell, row);
  expect(await statuses(cell, 3)).toEqual([500, 200, 200]);
  expect(openUntil(cell, row) - Date.now()).toBeGreaterThan(15_000);
  failing = false;
  endTime(cell, row);
  const trial = call({ port: cell.port }, "GET", "/trial");
  await eventually("the trial is under way", () => isHeld);
  const others = await Promise.all(
    Array.from({ length: 20 }, () => call({ port: cell.port }, "GET", "/other")),
  );
  expect(new Set(others.map(({ text }) => text))).toEqual(new Set(["second"]));
  expect(first.requests.map(({ startLine }) => startLine).filter((line) => line.includes("/other"))).toEqual(
    [],
  );
  gate.resolve();
  expect((await trial).text).toBe("first");
  expect([openUntil(cell, row), cell.tables.backends.openBreakers.rows]).toEqual([0, 0]);
});

test("a trial that its client gives up tells nothing, and the next request is the trial", async () => {
  let asked = 0;
  await using first = await RawBackend.start({
    respond: async (_request, wire) => {
      if (++asked === 2) return false;
      return answer(wire, asked === 1 ? 500 : 200, "first");
    },
  });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...PLAIN, breaker_failures: 1 } });
  const { row } = cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  expect(await statuses(cell, 1)).toEqual([500]);
  endTime(cell, row);
  const leaver = await openClient({ port: cell.port });
  await leaver.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the trial is at the backend", () => asked === 2);
  leaver.reset();
  await eventually("the trial is given back", () => cell.tables.backends.inFlight(row) === 0);
  expect((await call({ port: cell.port }, "GET", "/")).text).toBe("first");
  expect(openUntil(cell, row)).toBe(0);
});

test("a trial that takes longer than breaker_half_open_timeout_seconds lets the next one try, and says nothing any more", async () => {
  const late = Promise.withResolvers<void>();
  let asked = 0;
  await using first = await RawBackend.start({
    respond: async (_request, wire) => {
      const turn = ++asked;
      if (turn === 2) await late.promise;
      await answer(wire, turn <= 2 ? 500 : 200, "first");
    },
  });
  await using second = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...PLAIN, breaker_failures: 1 } });
  const { row } = cell.add({ ports: [first.port], score: 0 });
  cell.add({ ports: [second.port], score: 10 });
  expect(await statuses(cell, 1)).toEqual([500]);
  endTime(cell, row);
  const slow = call({ port: cell.port }, "GET", "/");
  await eventually("the trial is under way", () => asked === 2);
  expect((await call({ port: cell.port }, "GET", "/")).text).toBe("good");
  // The default is 30 seconds.
  const { trialSinceMs } = cell.tables.backends.columns.breakers;
  trialSinceMs[breakerOf(row, 0)] = Date.now() - 29_000;
  expect((await call({ port: cell.port }, "GET", "/")).text).toBe("good");
  trialSinceMs[breakerOf(row, 0)] = Date.now() - 30_000;
  expect((await call({ port: cell.port }, "GET", "/")).text).toBe("first");
  expect(openUntil(cell, row)).toBe(0);
  late.resolve();
  expect((await slow).status).toBe(500);
  expect([openUntil(cell, row), (await call({ port: cell.port }, "GET", "/")).text]).toEqual([0, "first"]);
});

test("never more than the share that may be out", async () => {
  await using live = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...PLAIN, max_ejection_percent: 50 } });
  const rows = [];
  for (let at = 0; at < 3; at++) rows.push(cell.add({ ports: [await refusingPort()], score: at }).row);
  cell.add({ ports: [live.port], score: 10 });
  expect(await statuses(cell, 5)).toEqual([200, 200, 200, 200, 200]);
  expect(rows.filter((row) => openUntil(cell, row) > 0)).toHaveLength(2);
});

test("a lone backend stays in, however it answers", async () => {
  await using only = await RawBackend.start({ respond: bad });
  await using cell = await Cell.start({ config: PLAIN });
  cell.add({ ports: [only.port] });
  expect(new Set(await statuses(cell, 12))).toEqual(new Set([500]));
});

test("an endpoint that fails takes nothing from the other one of its backend", async () => {
  await using broken = await RawBackend.start({ respond: bad });
  await using sound = await RawBackend.start({ respond: good });
  await using other = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: { ...PLAIN, breaker_failures: 2 } });
  const patterns = [["/broken"], ["/sound"]];
  const { row } = cell.add({ ports: [broken.port, sound.port], patterns, score: 0 });
  cell.add({ ports: [other.port], score: 10 });
  expect(await statuses(cell, 3, "/broken")).toEqual([500, 500, 200]);
  expect(await statuses(cell, 2, "/sound")).toEqual([200, 200]);
  expect([openUntil(cell, row, 0) > 0, openUntil(cell, row, 1)]).toEqual([true, 0]);
  expect([sound.requests.length, other.requests.length]).toEqual([2, 1]);
});

test("a row that is given away takes its breakers along", async () => {
  await using backend = await RawBackend.start({ respond: good });
  await using cell = await Cell.start({ config: PLAIN });
  const dead = cell.add({ ports: [await refusingPort()], score: 0 });
  cell.add({ ports: [backend.port], score: 10 });
  expect(await statuses(cell, 1)).toEqual([200]);
  expect(cell.tables.backends.openBreakers.rows).toBe(1);
  cell.remove(dead.row);
  expect(cell.tables.backends.openBreakers.rows).toBe(0);
  const heir = cell.add({ ports: [backend.port], score: 0 });
  expect([heir.row, openUntil(cell, heir.row)]).toEqual([dead.row, 0]);
});

test("below the panic threshold all backends are used, those too that are out", async () => {
  await using backend = await RawBackend.start({ respond: bad });
  await using cell = await Cell.start({
    config: { ...PLAIN, breaker_failures: 1, max_ejection_percent: 100, panic_threshold_percent: 40 },
  });
  cell.add({ ports: [backend.port], score: 0 });
  cell.add({ ports: [backend.port], score: 1 });
  // One of two is out: half are healthy. With both out none is.
  expect(await statuses(cell, 1)).toEqual([500]);
  expect(cell.tables.backends.openBreakers.rows).toBe(1);
  expect(await statuses(cell, 1)).toEqual([500]);
  expect(cell.tables.backends.openBreakers.rows).toBe(2);
  expect(await statuses(cell, 2)).toEqual([500, 500]);
});
