import { expect, test } from "bun:test";
import { durationSeconds } from "../../../../server/cli/convert/duration.ts";

test.each([
  ["90s", 90],
  ["5m", 300],
  ["1h", 3600],
  ["24h", 86_400],
  ["1h30m", 5400],
  ["500ms", 0.5],
  ["1.5s", 1.5],
  ["2d", 172_800],
  ["30", 30],
  [15, 15],
  ["250µs", 0.00025],
])("%p is %p seconds", (text, wanted) => {
  expect(durationSeconds(text)).toBe(wanted);
});

test.each(["", "soon", "5 m", "-5s", "m5", "5x", true, null, Number.NaN, -1])(
  "%p is no duration",
  (value) => {
    expect(durationSeconds(value)).toBeNull();
  },
);
