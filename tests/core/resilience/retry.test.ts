import { expect, test } from "bun:test";
import { fitsBudget, RetrySavings, retryDelayMs } from "../../../core/resilience/retry.ts";
import { evenly, rampShare } from "../../../core/resilience/slow-start.ts";

test("the longest wait doubles with each retry up to the maximum, and chance takes any part of it", () => {
  const rule = { baseMs: 25, multiplier: 2, maxMs: 250 };
  expect([1, 2, 3, 4, 5, 50].map((retry) => retryDelayMs(rule, retry, 1))).toEqual([
    25, 50, 100, 200, 250, 250,
  ]);
  expect([0, 0.5].map((random) => retryDelayMs(rule, 2, random))).toEqual([0, 25]);
});

test("the wait grows by the factor that is asked for, and stays the same with 1", () => {
  const rule = { baseMs: 100, multiplier: 1.5, maxMs: 5000 };
  expect([1, 2, 3, 4].map((retry) => retryDelayMs(rule, retry, 1))).toEqual([100, 150, 225, 337.5]);
  expect([1, 2, 3].map((retry) => retryDelayMs({ ...rule, multiplier: 1 }, retry, 1))).toEqual([
    100, 100, 100,
  ]);
  expect(retryDelayMs({ baseMs: 0, multiplier: 10, maxMs: 5000 }, 1000, 1)).toBe(0);
});

test("retries fit while they are fewer than their share of the requests, or than the least", () => {
  const budget = { share: 0.2, least: 3 };
  expect([0, 2, 3].map((retries) => fitsBudget(budget, 0, retries))).toEqual([true, true, false]);
  expect([19, 20].map((retries) => fitsBudget(budget, 100, retries))).toEqual([true, false]);
  expect(fitsBudget({ share: 0, least: 0 }, 1000, 0)).toBe(false);
});

test("in the long run retries are a share of the requests, beside the least that comes back with time", () => {
  const budget = { share: 0.2, least: 3 };
  let nowMs = 0;
  const savings = new RetrySavings(budget, nowMs);
  const spend = (wanted: number): number => {
    let spent = 0;
    for (; spent < wanted && savings.has(nowMs); spent++) savings.take();
    return spent;
  };
  expect(spend(100)).toBe(3);
  // Of a thousand requests all fail, and each would like two retries.
  let spent = 0;
  for (let request = 0; request < 1000; request++) {
    savings.request();
    spent += spend(2);
  }
  expect(Math.abs(spent - 200)).toBeLessThanOrEqual(1);
  nowMs += 10_000;
  expect(spend(100)).toBe(3);
  // What was saved in good times is bounded.
  for (let request = 0; request < 1e6; request++) savings.request();
  expect(spend(1e6)).toBeWithin(1000, 1002);
});

test("a share grows evenly from a tenth to the whole", () => {
  expect([0, 5000, 10_000, 20_000].map((sinceMs) => rampShare(sinceMs, 10_000))).toEqual([0.1, 0.55, 1, 1]);
  expect([rampShare(-1, 10_000), rampShare(0, 0)]).toEqual([1, 1]);
});

test("numbers are spread evenly over any stretch of picks, for any row", () => {
  for (const row of [0, 1, 7, 500]) {
    for (const first of [0, 13, 9999]) {
      const below = Array.from({ length: 100 }, (_, at) => evenly(first + at, row)).filter((x) => x < 0.3);
      // Of 100 numbers 30 are expected; the multiples of the golden ratio are off by 2 at most.
      expect(Math.abs(below.length - 30)).toBeLessThanOrEqual(2);
    }
  }
});
