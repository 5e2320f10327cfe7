/** `ip_hash`: who moves when backends come and go, and the bound of the load. */
import { describe, expect, test } from "bun:test";
import { hashKeyOf } from "../../../../core/balancing/hash-key.ts";
import { addMember, client, counts, FleetUnderTest } from "./fleet.ts";

const BACKENDS = 100;
const CLIENTS = 20_000;

function fleetOf(order: readonly number[], weightOf: (id: number) => number = () => 1): FleetUnderTest {
  const fleet = new FleetUnderTest({ strategy: "ip_hash" });
  for (const id of order) addMember(fleet.tables, { id: `backend-${id}`, weight: weightOf(id) });
  return fleet;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

describe("of 100 backends", () => {
  const before = fleetOf(numbers(BACKENDS)).rows(CLIENTS, client);

  test("one that goes moves its own clients and no others, at most 2 % of all", () => {
    const fleet = fleetOf(numbers(BACKENDS));
    fleet.tables.backends.releaseRow(42);
    const after = fleet.rows(CLIENTS, client);
    const moved = numbers(CLIENTS).filter((index) => before[index] !== after[index]);
    expect(moved.every((index) => before[index] === 42)).toBe(true);
    expect(moved.length).toBe(before.filter((row) => row === 42).length);
    expect(moved.length / CLIENTS).toBeLessThanOrEqual(0.02);
    expect(moved.length / CLIENTS).toBeGreaterThan(0.005);
  });

  test("one that comes takes its share from all, at most 2 %, and moves no others", () => {
    const fleet = fleetOf(numbers(BACKENDS + 1));
    const after = fleet.rows(CLIENTS, client);
    const moved = numbers(CLIENTS).filter((index) => before[index] !== after[index]);
    expect(moved.every((index) => after[index] === BACKENDS)).toBe(true);
    expect(moved.length / CLIENTS).toBeLessThanOrEqual(0.02);
    expect(new Set(moved.map((index) => before[index])).size).toBeGreaterThan(50);
  });

  test("one that is full for a moment sends its clients elsewhere, and they come back", () => {
    const fleet = fleetOf(numbers(BACKENDS));
    fleet.tables.backends.setDraining(7, true);
    expect(fleet.rows(CLIENTS, client)).not.toContain(7);
    fleet.tables.backends.setDraining(7, false);
    expect(fleet.rows(CLIENTS, client)).toEqual(before);
  });

  test("the order in which they came, as after a restart, plays no part", () => {
    const reversed = fleetOf(numbers(BACKENDS).toReversed());
    const rows = reversed.rows(CLIENTS, client).map((row) => BACKENDS - 1 - row);
    expect(rows).toEqual(before);
  });

  test("a greater weight draws clients in and moves none between others", () => {
    const after = fleetOf(numbers(BACKENDS), (id) => (id === 3 ? 5 : 1)).rows(CLIENTS, client);
    const moved = numbers(CLIENTS).filter((index) => before[index] !== after[index]);
    expect(moved.every((index) => after[index] === 3)).toBe(true);
    const share = after.filter((row) => row === 3).length / CLIENTS;
    expect(Math.abs(share - 5 / 104)).toBeLessThan(4 * Math.sqrt((5 / 104) * (99 / 104) * (1 / CLIENTS)));
  });

  test("each gets its share: chi-squared of 99 degrees of freedom", () => {
    const mean = CLIENTS / BACKENDS;
    const chi = counts(before, BACKENDS).reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
    // The upper 0.1 % point is 148.2.
    expect(chi).toBeLessThan(148.2);
  });
});

describe("the bound", () => {
  test("keeps one client's flood from its backend, but for its share times the bound", () => {
    const options = { strategy: "ip_hash", hashBalanceFactor: 1.25 } as const;
    const fleet = new FleetUnderTest(options, [1, 1, 2]);
    const held = Array.from({ length: 100 }, () => fleet.take(client(5)).row);
    const found = counts(held, 3);
    // Of 100 in flight, a quarter, a quarter and a half, times 1.25, rounded up.
    for (const [row, most] of [32, 32, 63].entries()) expect(found[row]).toBeLessThanOrEqual(most);
    const calm = new FleetUnderTest(options, [1, 1, 2]);
    expect(new Set(calm.rows(50, () => client(5))).size).toBe(1);
  });

  test("0 is none", () => {
    const fleet = new FleetUnderTest({ strategy: "ip_hash" }, [1, 1, 1]);
    expect(new Set(Array.from({ length: 90 }, () => fleet.take(client(5)).row)).size).toBe(1);
  });
});

test("the key is the header, else the fallback, else the address; of a list its first item", () => {
  expect(hashKeyOf("u1", "u2", "192.0.2.1")).toBe("u1");
  expect(hashKeyOf(null, "u2", "192.0.2.1")).toBe("u2");
  expect(hashKeyOf("", " ", "192.0.2.1")).toBe("192.0.2.1");
  expect(hashKeyOf(" 203.0.113.7 , 10.0.0.1", null, "192.0.2.1")).toBe("203.0.113.7");
});
