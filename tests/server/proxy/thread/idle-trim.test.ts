import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { IdleTrim } from "../../../../server/proxy/thread/idle-trim.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test("memory is given back once after activity, and not while there is any", () => {
  let trims = 0;
  let idle = true;
  const trim = new IdleTrim({ quietMs: 1000, isIdle: () => idle, trim: () => trims++ });
  jest.advanceTimersByTime(10_000);
  expect(trims).toBe(0);
  for (let round = 0; round < 5; round++) {
    trim.touch();
    jest.advanceTimersByTime(900);
  }
  expect(trims).toBe(0);
  idle = false;
  jest.advanceTimersByTime(10_000);
  expect(trims).toBe(0);
  idle = true;
  jest.advanceTimersByTime(10_000);
  expect(trims).toBe(1);
  trim.touch();
  jest.advanceTimersByTime(2000);
  expect(trims).toBe(2);
  trim.touch();
  trim.stop();
  jest.advanceTimersByTime(10_000);
  expect(trims).toBe(2);
});
