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
  const texts = world.audit.newest(3);
  for (const text of texts) expect(text.length).toBeLessThan(20_000);
  const [third, second, first] = texts.map((text) =>
    array(record(JSON.parse(text) as unknown).changes).map(record),
  );
  expect(String(first?.[0]?.to)).toHaveLength(1_001);
  expect(second?.at(-1)).toEqual({
    key: "…",
    from: null,
    to: `${5_001 - (second?.length ?? 0)} more changes`,
  });
  expect(third).toHaveLength(101);
  expect(third?.at(-1)).toEqual({ key: "…", from: null, to: "50 more changes" });
});
