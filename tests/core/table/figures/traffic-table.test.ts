import { expect, test } from "bun:test";
import { labelOfSlot, STATUS_SLOTS, statusSlot } from "../../../../core/table/figures/traffic-layout.ts";
import { attemptsOf, errorRateOf, trafficSince } from "../../../../core/table/figures/traffic-reading.ts";
import type { TrafficEnd } from "../../../../core/table/figures/traffic-table.ts";
import { openTables, type Tables } from "../../../../core/table/tables.ts";
import { newTables } from "../../../sim/fixtures.ts";

const WORKERS = 2;

function threads(): readonly [Tables, Tables, Tables] {
  const shared = newTables({ maxBackends: 4, workers: WORKERS, durationBoundsMs: [10, 100, 1000] });
  return [openTables(shared), openTables(shared, 0), openTables(shared, 1)];
}

function end(change: Partial<TrafficEnd> = {}): TrafficEnd {
  return { status: 200, durationMs: 5, queuedMs: 0, bytesIn: 1, bytesOut: 2, nowMs: 7, ...change };
}

test("what the workers count of a row is added up", () => {
  const [control, first, second] = threads();
  first.traffic.ended(2, 9, end({ status: 404, nowMs: 50 }));
  second.traffic.ended(2, 9, end({ status: 503, durationMs: 50, queuedMs: 4, nowMs: 40 }));
  second.traffic.failed(2, 9);
  second.traffic.retried(2, 9);
  second.traffic.connected(2, 9, false);
  first.traffic.connected(2, 9, true);
  const reading = control.traffic.read(2, 9);
  expect(reading).toMatchObject({ requests: 2, byClass: [0, 0, 0, 1, 1], errors: 1, retries: 1, broken: 0 });
  expect(reading).toMatchObject({ bytesIn: 2, bytesOut: 4, durationMs: 55, queuedMs: 4, lastAtMs: 50 });
  expect(reading).toMatchObject({ connects: 1, reuses: 1 });
  expect(attemptsOf(reading)).toBe(3);
  expect(errorRateOf(reading)).toBeCloseTo(2 / 3);
  expect(control.traffic.read(1, 9).requests).toBe(0);
});

test("a row that another backend has got starts at nothing, and the last requests of the former count for nobody", () => {
  const [control, first, second] = threads();
  first.traffic.ended(0, 1, end());
  second.traffic.ended(0, 1, end());
  expect(control.traffic.read(0, 1).requests).toBe(2);
  first.traffic.ended(0, 3, end());
  expect(control.traffic.read(0, 3).requests).toBe(1);
  first.traffic.ended(0, 1, end());
  first.traffic.failed(0, 1);
  expect(control.traffic.read(0, 3)).toMatchObject({ requests: 1, errors: 0 });
  expect(control.traffic.readTotal().requests).toBe(4);
});

test("the total knows what no backend had a part in, and outlives backends", () => {
  const [control, first] = threads();
  first.traffic.ended(-1, 0, end({ status: 503 }));
  first.traffic.ended(3, 1, end());
  expect(control.traffic.readUnserved()).toMatchObject({ requests: 1, byClass: [0, 0, 0, 0, 1] });
  expect(control.traffic.readTotal()).toMatchObject({ requests: 2, bytesOut: 4 });
});

test("two readings make a window", () => {
  const [control, first] = threads();
  const { traffic } = control;
  for (let count = 0; count < 10; count++) first.traffic.ended(0, 1, end({ durationMs: 900 }));
  const before = traffic.read(0, 1);
  for (let count = 0; count < 3; count++) first.traffic.ended(0, 1, end({ durationMs: 20 }));
  first.traffic.ended(0, 1, end({ status: 500, durationMs: 20 }));
  const window = trafficSince(traffic.read(0, 1), before);
  expect(window).toMatchObject({ requests: 4, byClass: [0, 3, 0, 0, 1], durationMs: 80, bytesIn: 4 });
  expect(errorRateOf(window)).toBe(0.25);
  const p99 = traffic.scale.quantile(window.cells, 0.99) ?? 0;
  expect(p99).toBeGreaterThan(17);
  expect(p99).toBeLessThan(32);
});

test("a tunnel is counted, but its time is no duration of a request", () => {
  const [control, first] = threads();
  first.traffic.ended(0, 1, end({ status: 101, durationMs: 3_600_000 }));
  expect(control.traffic.read(0, 1)).toMatchObject({ requests: 1, durationMs: 0 });
  expect(control.traffic.read(0, 1).cells.every((count) => count === 0)).toBe(true);
});

test("every status has one slot, named by its code or by its class", () => {
  for (let status = 100; status < 600; status++) {
    const label = labelOfSlot(statusSlot(status));
    expect([String(status), `${Math.floor(status / 100)}xx`]).toContain(label);
  }
  expect(labelOfSlot(statusSlot(200))).toBe("200");
  expect(labelOfSlot(statusSlot(299))).toBe("2xx");
  expect(labelOfSlot(statusSlot(999))).toBe("5xx");
  expect(new Set(Array.from({ length: STATUS_SLOTS }, (_, slot) => labelOfSlot(slot))).size).toBe(
    STATUS_SLOTS,
  );
});
