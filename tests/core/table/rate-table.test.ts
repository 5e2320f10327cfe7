import { describe, expect, test } from "bun:test";
import { rateKey } from "../../../core/table/rate-key.ts";
import { type RateLimit, RateTable } from "../../../core/table/rate-table.ts";
import { NOW_MS } from "../../sim/fixtures.ts";
import { Prng } from "../../sim/prng.ts";

function tableOf(limit: RateLimit, entries = 64): RateTable {
  return new RateTable(RateTable.allocate(entries, limit, 12_345));
}

/** A bucket that starts full, refills continuously, holds `burst` and pays one token for each request. */
class TokenBucket {
  #tokens: number;
  #atMs: number;
  readonly #limit: RateLimit;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#atMs = nowMs;
  }

  /** 0 when allowed, else the milliseconds until a token will be there. */
  allow(nowMs: number): number {
    const perMs = this.#limit.perMinute / 60_000;
    const tokens = this.#tokens + (nowMs - this.#atMs) * perMs;
    this.#tokens = Math.min(this.#limit.burst, Math.max(0, tokens));
    this.#atMs = nowMs;
    // What is missing of a token may come 5 ms later, but is no more than half of one; and times are rounded.
    if (this.#tokens >= 1 - Math.min(5 * perMs, 0.5) - 0.001 * perMs) {
      this.#tokens -= 1;
      return 0;
    }
    return (1 - this.#tokens) / perMs;
  }
}

describe("RateTable", () => {
  test("decides as a literal token bucket does", () => {
    const random = new Prng(3);
    let decisions = 0;
    let refusals = 0;
    for (const limit of [
      { perMinute: 60, burst: 120 },
      { perMinute: 60, burst: 1 },
      { perMinute: 7, burst: 3 },
      { perMinute: 1000, burst: 10 },
      { perMinute: 1, burst: 2 },
    ]) {
      const table = tableOf(limit);
      const buckets = [0, 1, 2].map(() => new TokenBucket(limit, NOW_MS));
      for (let now = NOW_MS; decisions % 4000 !== 3999; decisions++) {
        if (random.chance(0.4)) now += random.int(0, Math.round(180_000 / limit.perMinute));
        const key = random.int(0, 2);
        const wait = table.allow(key, 99, now);
        const expected = buckets[key]?.allow(now) ?? 0;
        expect(wait === 0).toBe(expected === 0);
        expect(Math.abs(wait - expected)).toBeLessThan(1.01);
        if (wait > 0) refusals++;
      }
      decisions++;
    }
    expect(refusals).toBeGreaterThan(2000);
  });

  test("allows again when it said it would, or as much earlier as the clocks of threads may differ", () => {
    const table = tableOf({ perMinute: 7, burst: 2 });
    table.allow(1, 1, NOW_MS);
    table.allow(1, 1, NOW_MS);
    const wait = table.allow(1, 1, NOW_MS);
    expect(wait).toBe(Math.ceil(60_000 / 7));
    expect(table.peek(1, 1, NOW_MS + wait - 6)).toBe(6);
    expect(table.allow(1, 1, NOW_MS + wait)).toBe(0);
  });

  test("peek spends nothing", () => {
    const table = tableOf({ perMinute: 60, burst: 1 });
    for (let i = 0; i < 5; i++) expect(table.peek(4, 4, NOW_MS)).toBe(0);
    expect(table.allow(4, 4, NOW_MS)).toBe(0);
    expect(table.peek(4, 4, NOW_MS)).toBe(1000);
  });

  test("a rate of 0 limits nobody, until a limit is set", () => {
    const table = tableOf({ perMinute: 0, burst: 1 });
    for (let i = 0; i < 1000; i++) expect(table.allow(1, 2, NOW_MS)).toBe(0);
    table.setLimit({ perMinute: 60, burst: 1 });
    expect(table.allow(1, 2, NOW_MS)).toBe(0);
    expect(table.allow(1, 2, NOW_MS)).toBe(1000);
  });

  test("a clock that was set back limits for no longer than a full burst does", () => {
    const table = tableOf({ perMinute: 60, burst: 3 });
    for (let i = 0; i < 3; i++) table.allow(1, 1, NOW_MS);
    const anHourEarlier = NOW_MS - 3_600_000;
    expect(table.allow(1, 1, anHourEarlier)).toBe(1000);
    expect(table.allow(1, 1, anHourEarlier + 3000)).toBe(0);
  });

  test("an entry that limits stays while a way of its set is free or of no use any more", () => {
    // One set of eight ways: every key competes with every other.
    const table = tableOf({ perMinute: 1, burst: 1 }, 8);
    expect(table.allow(0, 0, NOW_MS)).toBe(0);
    for (let key = 1; key < 8; key++) expect(table.allow(key, key, NOW_MS - 50_000)).toBe(0);
    // 10 seconds later those seven are full again; 100 newcomers take their ways in turn.
    for (let key = 100; key < 107; key++) expect(table.allow(key, key, NOW_MS + 10_000)).toBe(0);
    expect(table.allow(0, 0, NOW_MS + 10_000)).toBe(50_000);
  });

  test("when every way limits, the one that would be free first gives way", () => {
    const table = tableOf({ perMinute: 1, burst: 1 }, 8);
    for (let key = 0; key < 8; key++) expect(table.allow(key, key, NOW_MS + key)).toBe(0);
    expect(table.allow(50, 50, NOW_MS + 10)).toBe(0);
    expect(table.peek(0, 0, NOW_MS + 10)).toBe(0);
    expect(table.peek(1, 1, NOW_MS + 10)).toBeGreaterThan(0);
  });
});

describe("rateKey", () => {
  test("an IPv4 address counts by itself, also when it is mapped into IPv6", () => {
    expect(rateKey("203.0.113.9")).toEqual({ hi: 0, lo: 0xcb00_7109 });
    expect(rateKey("::ffff:203.0.113.9")).toEqual(rateKey("203.0.113.9"));
    expect(rateKey("203.0.113.10")).not.toEqual(rateKey("203.0.113.9"));
  });

  test("an IPv6 address counts by its /64, however it is written", () => {
    const key = { hi: 0x2001_0db8, lo: 0x0001_0002 };
    for (const address of [
      "2001:db8:1:2::1",
      "2001:db8:1:2:ffff:ffff:ffff:ffff",
      "2001:0DB8:0001:0002:0:0:0:0",
      "2001:db8:1:2::%eth0",
      "2001:db8:1:2::192.0.2.1",
    ]) {
      expect(rateKey(address)).toEqual(key);
    }
    expect(rateKey("2001:db8:1:3::1")).not.toEqual(key);
    expect(rateKey("2001:db8::1")).toEqual({ hi: 0x2001_0db8, lo: 0 });
    expect(rateKey("::1")).toEqual({ hi: 0, lo: 0 });
  });

  test("anything else has a key as well, the same each time", () => {
    for (const text of ["", "unix", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1:2:3", "g::1", "1::2::3"]) {
      expect(rateKey(text)).toEqual(rateKey(text));
    }
    expect(rateKey("1.2.3")).not.toEqual(rateKey("1.2.4"));
  });
});
