import { expect, test } from "bun:test";
import { IdleConnections, IdleEntry, workerShare } from "../../../../server/proxy/net/idle-connections.ts";
import { seeded } from "../../../support/seeded.ts";

test("the shares of all workers come to the whole, and differ by one at most", () => {
  for (const [total, workers] of [
    [1, 4],
    [7, 3],
    [100, 8],
    [3, 3],
  ] as const) {
    const shares = Array.from({ length: workers }, (_, worker) => workerShare(total, worker, workers));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
  }
  expect(workerShare(0, 3, 8)).toBe(Number.POSITIVE_INFINITY);
});

test("whatever comes and goes, the list is the latest of a plain one", () => {
  const random = seeded(7);
  const most = 5;
  const list = new IdleConnections(most);
  const model: IdleEntry[] = [];
  const entries = Array.from({ length: 12 }, () => {
    const entry: IdleEntry = new IdleEntry(() => list.leave(entry));
    return entry;
  });
  for (let step = 0; step < 5000; step++) {
    const entry = random.pick(entries);
    const at = model.indexOf(entry);
    if (random.next() < 0.6) {
      list.rest(entry);
      if (at < 0) model.push(entry);
      if (model.length > most) model.shift();
    } else {
      list.leave(entry);
      if (at >= 0) model.splice(at, 1);
    }
    expect(list.count).toBe(model.length);
    expect(entries.filter((each) => each.isListed)).toEqual(entries.filter((each) => model.includes(each)));
  }
});

test("with a share of nothing a connection that comes to rest ends at once", () => {
  const list = new IdleConnections(0);
  let ended = 0;
  const entry: IdleEntry = new IdleEntry(() => {
    ended++;
    list.leave(entry);
  });
  list.rest(entry);
  expect([ended, list.count, entry.isListed]).toEqual([1, 0, false]);
});
