import { expect, test } from "bun:test";
import { array, record } from "../../../support/json.ts";
import { newWorld } from "../fixtures.ts";

const ENTRY = { at: "2026-01-02T03:04:05.678Z", actor: "ann", action: "config", target: "", persist: true };

test("an entry is bounded, however much has changed", () => {
  using world = newWorld();
  const long = "x".repeat(1_000_000);
  world.audit.add({ ...ENTRY, changes: [{ key: "log_level", from: "info", to: long }] });
  const many = Array.from({ length: 5_000 }, (_, at) => ({ key: `backends.${at}`, from: null, to: [long] }));
  world.audit.add({ ...ENTRY, changes: many });
  const few = Array.from({ length: 150 }, (_, at) => ({ key: `k${at}`, from: at, to: at + 1 }));
  world.audit.add({ ...ENTRY, changes: few });
  const entries = world.audit.newest(3).map((text) => record(JSON.parse(text) as unknown));
  for (const entry of entries) expect(JSON.stringify(entry).length).toBeLessThan(40_000);
  const [third, second, first] = entries.map(({ changes }) => array(changes).map(record));
  expect(String(first?.[0]?.to)).toHaveLength(2_001);
  expect(entries[1]?.omitted).toBe(5_000 - (second?.length ?? 0));
  expect([third?.length, entries[0]?.omitted]).toEqual([100, 50]);
});
