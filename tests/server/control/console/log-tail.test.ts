import { expect, test } from "bun:test";
import { LogTail } from "../../../../server/control/console/log-tail.ts";

test("lines come once, in order, the newest of too many", () => {
  const tail = new LogTail();
  tail.push("a\nb\n");
  expect(tail.since(0, 10)).toEqual(["a", "b"]);
  const position = tail.position;
  expect(tail.since(position, 10)).toEqual([]);
  tail.push("c\n");
  tail.push("d\ne\n");
  expect(tail.since(position, 10)).toEqual(["c", "d", "e"]);
  expect(tail.since(position, 2)).toEqual(["d", "e"]);
});

test("a quarter of a MiB is kept, and no line whole that is longer than anybody reads", () => {
  const tail = new LogTail();
  for (let count = 0; count < 1_000; count++) tail.push(`${count} ${"x".repeat(1_000)}\n`);
  const lines = tail.since(0, 10_000);
  expect(lines.length).toBeLessThan(300);
  expect(lines.at(-1)).toStartWith("999 ");
  tail.push(`${"y".repeat(1_000_000)}\n`);
  expect(tail.since(0, 10).at(-1)).toHaveLength(2_000);
});
