import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ClientConnections } from "../../../core/table/client-connections.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import { seeded } from "../../support/seeded.ts";

const WORKERS = 3;

function open(random = seeded(1)) {
  const buffer = ClientConnections.allocate(WORKERS, () => Math.floor(random.next() * 2 ** 32));
  return Array.from({ length: WORKERS }, (_, worker) => new ClientConnections(buffer, worker));
}

test("never counts less than there are, and nothing when all have gone", () => {
  const step = fc.record({ worker: fc.nat(WORKERS - 1), address: fc.nat(500) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const tables = open();
      const truth = new Map<number, number>();
      for (const { worker, address } of steps) {
        tables[worker]?.add(0, address, 1);
        truth.set(address, (truth.get(address) ?? 0) + 1);
      }
      expect(tables[0]?.total).toBe(steps.length);
      for (const [address, count] of truth) expect(tables[1]?.of(0, address)).toBeGreaterThanOrEqual(count);
      for (const { worker, address } of steps) tables[worker]?.add(0, address, -1);
      for (const address of truth.keys()) expect(tables[2]?.of(0, address)).toBe(0);
    }),
  );
});

test("of ten thousand addresses with one connection each hardly any is counted for more", () => {
  const [table] = open();
  if (table === undefined) throw new Error("no table");
  const keys = Array.from({ length: 10_000 }, (_, at) =>
    rateKey(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`),
  );
  for (const { hi, lo } of keys) table.add(hi, lo, 1);
  const estimates = keys.map(({ hi, lo }) => table.of(hi, lo));
  expect(Math.max(...estimates)).toBeLessThanOrEqual(6);
  expect(estimates.reduce((sum, one) => sum + one, 0) / keys.length).toBeLessThan(1.6);
});

test("what a dead worker had open is taken out", () => {
  const tables = open();
  tables[0]?.add(0, 7, 1);
  tables[1]?.add(0, 7, 1);
  tables[2]?.releaseWorker(1);
  expect([tables[0]?.total, tables[0]?.of(0, 7)]).toEqual([1, 1]);
});
