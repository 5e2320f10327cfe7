import { expect, test } from "bun:test";
import { type StickyEntry, StickyTable } from "../../../core/table/sticky-table.ts";
import { NOW_MS } from "../../sim/fixtures.ts";
import { Prng } from "../../sim/prng.ts";

function entryOf(id: number, more: Partial<StickyEntry> = {}): StickyEntry {
  return { hi: id, lo: id, tier: 0, row: 0, generation: 1, epoch: 0, lastUseMs: NOW_MS, ...more };
}

function find(table: StickyTable, id: number, tier = 0): number {
  const set = table.lockSet(id, id);
  const way = table.findLocked(set, id, id, tier);
  table.unlockSet(set);
  return way;
}

test("a full set forgets the entry that was not used for longest, as a list in order of use does", () => {
  const random = new Prng(11);
  // One set of sixteen ways.
  const table = new StickyTable(StickyTable.allocate(16));
  let model: number[] = [];
  for (let step = 0; step < 5000; step++) {
    const id = random.int(1, 40);
    table.assign(entryOf(id, { lastUseMs: NOW_MS + step }));
    model = [id, ...model.filter((known) => known !== id)].slice(0, 16);
  }
  for (let id = 1; id <= 40; id++) expect(find(table, id) >= 0).toBe(model.includes(id));
  expect(table.count()).toBe(16);
});

test("all tiers of a session are found in its set", () => {
  const table = new StickyTable(StickyTable.allocate(1024));
  for (let tier = 0; tier < 10; tier++) table.assign(entryOf(77, { tier, row: tier }));
  const set = table.lockSet(77, 77);
  const rows: (number | undefined)[] = [];
  let way = table.nextOfSessionLocked(set, 77, 77, -1);
  for (; way >= 0; way = table.nextOfSessionLocked(set, 77, 77, way)) rows.push(table.columns.row[way]);
  table.unlockSet(set);
  expect(rows.toSorted((a = 0, b = 0) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("forEach gives back what was assigned, unsigned halves included", () => {
  const table = new StickyTable(StickyTable.allocate(256));
  const entry = entryOf(0xffff_fff0, { tier: 3, row: 5, generation: 9, epoch: 2, lastUseMs: NOW_MS + 5 });
  table.assign(entryOf(0xffff_fff0, { tier: 3 }));
  table.assign(entry);
  const seen: StickyEntry[] = [];
  table.forEach((each) => {
    seen.push(each);
  });
  expect(seen).toEqual([entry]);
});

test("never holds more than its capacity, which is at most what was asked for", () => {
  const table = new StickyTable(StickyTable.allocate(1000));
  expect(table.capacity).toBe(992);
  for (let id = 0; id < 5000; id++) table.assign(entryOf(Math.imul(id, 0x9e37_79b1)));
  expect(table.count()).toBeLessThanOrEqual(992);
});
