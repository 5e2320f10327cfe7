import { expect, test } from "bun:test";
import { PathGroupPool } from "../../../core/plane/path-groups.ts";

test("equal patterns share an index, which is reused when nobody has it", () => {
  const pool = new PathGroupPool();
  expect(pool.take([["/a"]])).toEqual({ index: 0, isNew: true });
  expect(pool.take([["/a"]])).toEqual({ index: 0, isNew: false });
  expect(pool.take([["/b"], []])).toEqual({ index: 1, isNew: true });
  pool.release(0);
  expect(pool.take([["/c"]])).toEqual({ index: 2, isNew: true });
  pool.release(0);
  // Workers still know it: no news.
  expect(pool.take([["/a"]])).toEqual({ index: 0, isNew: false });
  pool.release(0);
  expect(pool.take([["/d"]])).toEqual({ index: 0, isNew: true });
  expect(pool.take([["/a"]])).toEqual({ index: 3, isNew: true });
  expect(pool.groups.map((group) => group.patterns)).toEqual([[["/d"]], [["/b"], []], [["/c"]], [["/a"]]]);
});
