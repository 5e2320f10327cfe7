import { describe, expect, test } from "bun:test";
import {
  activePhase,
  begin,
  closedTag,
  type Migration,
  measuredShare,
  shareOf,
} from "../../../core/migration/migration.ts";
import { type MigrationOptions, optionFaults } from "../../../core/migration/options.ts";
import { migrationReport, migrationView } from "../../../core/migration/report.ts";
import { type Action, act, type Look, look, restarted } from "../../../core/migration/transitions.ts";
import { EMPTY_WINDOWS, type Windows } from "../../../core/migration/window.ts";
import { DEFAULTS, steady, windowsOf } from "./fixtures.ts";

const START_MS = 1_000_000;
/** The wall clock is elsewhere, and stays there. */
const WALL_MS = 1_767_225_600_000;
const GOOD = windowsOf(steady(9500), steady(500));
const BAD = windowsOf(steady(9500), steady(500, 100));

function at(seconds: number, windows: Windows = EMPTY_WINDOWS, isRoutable = true): Look {
  return { nowMs: START_MS + seconds * 1000, wallMs: WALL_MS + seconds * 1000, windows, isRoutable };
}

function start(options: Partial<MigrationOptions> = {}): Migration {
  const all = { ...DEFAULTS, hold_seconds: 60, max_hold_seconds: 600, ...options };
  return begin({ id: 1, from: "blue", to: "green", options: all, createdBy: "10.0.0.1" }, at(0));
}

function did(migration: Migration, action: Action, seen: Look): Migration {
  const outcome = act(migration, action, "ops", seen);
  if (!outcome.ok) throw new Error(outcome.why);
  return outcome.migration;
}

const decisions = ({ reports }: Migration): string[] => reports.map(({ decision }) => decision);
const kind = ({ phase }: Migration): string => phase.kind;

function fields(options: Partial<MigrationOptions>): string[] {
  return optionFaults(options).map(({ field }) => field);
}

describe("with time", () => {
  test("a good group goes through every stage, each held for its time, and ends with everything", () => {
    let migration = start();
    const shares: number[] = [];
    for (let second = 1; activePhase(migration) !== null && second < 1000; second++) {
      shares.push(shareOf(migration));
      migration = look(migration, at(second, GOOD));
    }
    const counts = new Map<number, number>();
    for (const share of shares) counts.set(share, (counts.get(share) ?? 0) + 1);
    expect([...counts]).toEqual([1, 5, 25, 50, 100].map((share) => [share, 60]));
    expect(kind(migration)).toBe("completed");
    expect(shareOf(migration)).toBe(100);
    expect(closedTag(migration)).toBe("blue");
    expect(decisions(migration)).toEqual(["go", "go", "go", "go", "go"]);
    expect(new Set(migration.reports.map((each) => each.endedMs - each.startedMs))).toEqual(
      new Set([60_000]),
    );
    expect(migration.reports.map(measuredShare)).toEqual([5, 5, 5, 5, 5]);
  });

  test("a bad group is rolled back as soon as that is proven, at any stage", () => {
    let migration = look(start(), at(60, GOOD));
    expect(shareOf(migration)).toBe(5);
    migration = look(migration, at(63, BAD));
    expect(kind(migration)).toBe("rolled_back");
    expect(shareOf(migration)).toBe(0);
    expect(closedTag(migration)).toBe("green");
    expect(decisions(migration)).toEqual(["go", "no_go"]);
    expect(look(migration, at(1000, GOOD))).toBe(migration);
  });

  test("what is likely but not proven is decided by the last look", () => {
    // 12 of 500: surely above 1 point at 95 %, not at 99.9 %.
    const doubtful = windowsOf(steady(9500, 30), steady(500, 12));
    const held = look(start(), at(59, doubtful));
    expect(kind(held)).toBe("running");
    expect(kind(look(held, at(60, doubtful)))).toBe("rolled_back");
  });

  test("too few requests are waited for, then the rule decides", () => {
    const few = windowsOf(steady(9500), steady(49));
    for (const rule of ["wait", "go", "abort"] as const) {
      let migration = look(start({ on_too_little_traffic: rule }), at(60, few));
      migration = look(migration, at(599, few));
      expect([kind(migration), shareOf(migration)]).toEqual(["running", 1]);
      migration = look(migration, at(600, few));
      const expected = { wait: ["running", 1], go: ["running", 5], abort: ["rolled_back", 0] };
      expect([kind(migration), shareOf(migration)]).toEqual(expected[rule]);
      if (rule !== "wait") continue;
      expect(look(migration, at(601, few))).toBe(migration);
      expect(shareOf(look(migration, at(602, GOOD)))).toBe(5);
    }
  });

  test("a wait that is shorter than the stage is over at its end", () => {
    const options = { max_hold_seconds: 10, on_too_little_traffic: "abort" } as const;
    const migration = look(start(options), at(59));
    expect(kind(migration)).toBe("running");
    expect(kind(look(migration, at(60)))).toBe("rolled_back");
  });

  test("at 100 % the old group needs no requests", () => {
    const migration = look(start({ stages: [100] }), at(60, windowsOf(steady(0), steady(500))));
    expect(kind(migration)).toBe("completed");
  });

  test("a new group without a backend in service is rolled back after a while, a short gap is forgiven", () => {
    let migration = look(start(), at(10, GOOD, false));
    migration = look(migration, at(14, GOOD, false));
    migration = look(migration, at(14.5, GOOD, true));
    migration = look(migration, at(20, GOOD, false));
    migration = look(migration, at(24.9, GOOD, false));
    expect(kind(migration)).toBe("running");
    migration = look(migration, at(25, GOOD, false));
    expect(migration.phase).toMatchObject({
      kind: "rolled_back",
      why: "no backend of the new group takes requests, for 5 s (unroutable_seconds)",
    });
  });

  test("nothing changes while nothing happens: the same value comes back", () => {
    const migration = start();
    expect(look(migration, at(30, GOOD))).toBe(migration);
  });
});

describe("what people ask", () => {
  test("a pause keeps the share, stops the clock, and is still guarded", () => {
    let migration = look(start(), at(60, GOOD));
    migration = did(migration, "pause", at(80, GOOD));
    expect([kind(migration), shareOf(migration)]).toEqual(["paused", 5]);
    expect(look(migration, at(5000, GOOD))).toBe(migration);
    expect(kind(look(migration, at(5000, BAD)))).toBe("rolled_back");
    migration = did(migration, "resume", at(5000, GOOD));
    expect([kind(migration), shareOf(migration)]).toEqual(["running", 5]);
    expect(shareOf(look(migration, at(5059, GOOD)))).toBe(5);
    expect(shareOf(look(migration, at(5060, GOOD)))).toBe(25);
    expect(decisions(migration)).toEqual(["go", "paused", "resumed"]);
  });

  test("one that begins paused gives the new group nothing, and waits for its backends", () => {
    let migration = start({ paused: true });
    expect([kind(migration), shareOf(migration)]).toEqual(["paused", 0]);
    migration = look(migration, at(1, EMPTY_WINDOWS, false));
    expect(kind(look(migration, at(100, EMPTY_WINDOWS, false)))).toBe("paused");
    migration = did(migration, "resume", at(200));
    expect([kind(migration), shareOf(migration)]).toEqual(["running", 1]);
    expect(kind(look(migration, at(201, EMPTY_WINDOWS, false)))).toBe("running");
  });

  test("advance ends a stage at once, the last one too; abort ends it all", () => {
    let migration = start({ stages: [10, 100] });
    migration = did(migration, "advance", at(1));
    expect(shareOf(migration)).toBe(100);
    migration = did(migration, "advance", at(2));
    expect([kind(migration), closedTag(migration)]).toEqual(["completed", "blue"]);
    const aborted = did(start(), "abort", at(1));
    expect([kind(aborted), shareOf(aborted), closedTag(aborted)]).toEqual(["aborted", 0, "green"]);
    expect(aborted.phase).toMatchObject({ why: "asked for by ops" });
  });

  test("what makes no sense is refused with the reason", () => {
    const running = start();
    const paused = did(running, "pause", at(1));
    const ended = did(running, "abort", at(1));
    const refusals: [Migration, Action, string][] = [
      [running, "resume", "it is not paused"],
      [running, "release", "it is under way; abort it first"],
      [paused, "pause", "it is paused already"],
      [paused, "advance", "it is paused; resume it first"],
      [ended, "pause", "the migration has ended (aborted)"],
      [did(ended, "release", at(2)), "release", "it has been released already"],
    ];
    for (const [migration, action, why] of refusals) {
      expect(act(migration, action, "", at(3))).toEqual({ ok: false, why });
    }
  });

  test("release opens the group that lost", () => {
    const ended = did(start(), "abort", at(1));
    expect([closedTag(ended), closedTag(did(ended, "release", at(2)))]).toEqual(["green", null]);
  });
});

test("after a new start the stage begins anew, and the report says so", () => {
  const before = look(look(start(), at(60, GOOD)), at(100, GOOD));
  const later = { nowMs: 5, wallMs: WALL_MS + 500_000 };
  const migration = restarted(before, later);
  expect(shareOf(migration)).toBe(5);
  const after = (ms: number): Look => ({
    nowMs: 5 + ms,
    wallMs: later.wallMs + ms,
    windows: GOOD,
    isRoutable: true,
  });
  expect(shareOf(look(migration, after(59_999)))).toBe(5);
  expect(shareOf(look(migration, after(60_000)))).toBe(25);
  expect(decisions(migration)).toEqual(["go", "restarted"]);
  const ended = did(before, "abort", at(101));
  expect(restarted(ended, later)).toBe(ended);
  expect(shareOf(restarted(start({ paused: true }), later))).toBe(0);
});

test("reports are bounded however often somebody interrupts", () => {
  let migration = start();
  for (let round = 0; round < 150; round++) {
    migration = did(did(migration, "pause", at(round)), "resume", at(round));
  }
  expect([migration.reports.length, migration.droppedReports]).toEqual([200, 100]);
});

test("stages have to ascend to 100", () => {
  expect(fields(DEFAULTS)).toEqual([]);
  expect(fields({ stages: [100] })).toEqual([]);
  for (const stages of [
    [1, 5],
    [5, 1, 100],
    [50, 50, 100],
    [100, 100],
  ])
    expect(fields({ stages })).toEqual(["stages"]);
});

describe("the report", () => {
  const current = { ...GOOD, fallbacks: 2, heldMs: 12_000 };

  test("has a row for each group and stage, with what was decided and why, and the present stage", () => {
    const migration = look(start(), at(60, GOOD));
    const lines = migrationReport(migration, current).split("\n");
    expect(lines[0]).toBe("# Migration 1: blue → green");
    expect(lines[2]).toBe("- Status: **running**");
    const rows = lines.filter((line) => line.startsWith("|")).map((line) => line.split(" | "));
    expect(rows).toHaveLength(2 + 2 * 2);
    expect(new Set(rows.map((cells) => cells.length))).toEqual(new Set([14]));
    const [began, ended] = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z"];
    expect(rows[2]?.slice(0, 8)).toEqual(["| 1", "1 %", "5 %", began, "60 s", "new (green)", "500", "0 %"]);
    expect(rows[2]?.slice(10, 13)).toEqual(["20 ms", "0", "go"]);
    expect(rows[3]?.[5]).toBe("old (blue)");
    expect(rows[4]?.slice(0, 7)).toEqual(["| 2", "5 %", "5 %", ended, "12 s", "new (green)", "500"]);
    expect(rows[4]?.slice(11, 13)).toEqual(["2", "under way"]);
  });

  test("a bar in a reason does not end its cell, and an end says why", () => {
    const aborted = act(start(), "abort", "a|b", at(5, BAD));
    if (!aborted.ok) throw new Error(aborted.why);
    const text = migrationReport(aborted.migration, null);
    expect(text).toContain("asked for by a\\|b |");
    expect(text).toContain("- Status: **aborted** (asked for by a|b)");
    expect(text).toContain("| 20 % |");
  });

  test("the JSON has the same, in the words of the API", () => {
    const migration = look(start(), at(60, BAD));
    expect(migrationView(migration, null)).toMatchObject({
      id: 1,
      from: "blue",
      to: "green",
      status: "rolled_back",
      share_percent: 0,
      stage: null,
      created_at: "2026-01-01T00:00:00.000Z",
      created_by: "10.0.0.1",
      ended_at: "2026-01-01T00:01:00.000Z",
      released: false,
      reports: [
        {
          stage: 1,
          share_percent: 1,
          measured_percent: 5,
          seconds: 60,
          to: { requests: 500, errors: 100, error_rate_percent: 20 },
          decision: "no_go",
        },
      ],
    });
    const running = migrationView(start(), current);
    expect(running).toMatchObject({
      status: "running",
      reason: null,
      stage: 1,
      ended_at: null,
      reports: [{ decision: null, ended_at: null, seconds: 12, fallbacks: 2 }],
    });
  });
});
