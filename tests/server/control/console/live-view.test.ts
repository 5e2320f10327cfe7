import { expect, test } from "bun:test";
import { liveView } from "../../../../server/control/console/live-view.ts";

test("what nobody would see is no change", () => {
  const entry = {
    id: "a",
    cpu_pct: [10.4, 99.6],
    report_age_seconds: 3.2,
    last_check_at: "2026-01-01T00:00:00Z",
  };
  const seen = JSON.stringify(liveView(entry));
  expect(JSON.parse(seen)).toEqual({ id: "a", cpu_pct: [10, 100], report_age_seconds: 0 });
  const later = {
    ...entry,
    cpu_pct: [9.9, 100],
    report_age_seconds: 14.9,
    last_check_at: "2026-01-01T00:00:09Z",
  };
  expect(JSON.stringify(liveView(later))).toBe(seen);
});

test("a late report shows how late it is, and what is not known stays so", () => {
  expect(liveView({ report_age_seconds: 27 })).toMatchObject({ report_age_seconds: 25 });
  expect(liveView({ report_age_seconds: null, cpu_pct: null })).toMatchObject({
    report_age_seconds: null,
    cpu_pct: null,
  });
});
