/** A migration as a value: from one group of backends to another, by stages. */
import { type Static, Type } from "@sinclair/typebox";
import { type MigrationOptions, MigrationOptionsSchema } from "./options.ts";
import { summaryOf, type Windows } from "./window.ts";

const Text = Type.String();
const Amount = Type.Number();
const Unknown = Type.Union([Amount, Type.Null()]);

const GroupSummarySchema = Type.Object({
  requests: Amount,
  errors: Amount,
  p50Ms: Unknown,
  p99Ms: Unknown,
  meanMs: Unknown,
});

/** How a part of a migration ended: `restarted` is a new start of the server, after which the stage begins anew. */
const DECISIONS = ["go", "no_go", "paused", "resumed", "advanced", "aborted", "restarted"] as const;
export type Decision = (typeof DECISIONS)[number];

/** What is written of a stage, or of a part of one that was interrupted. Times are of the wall clock. */
const StageReportSchema = Type.Object({
  stage: Amount,
  sharePercent: Amount,
  startedMs: Amount,
  endedMs: Amount,
  from: GroupSummarySchema,
  to: GroupSummarySchema,
  fallbacks: Amount,
  decision: Type.Union(DECISIONS.map((decision) => Type.Literal(decision))),
  why: Text,
});

/** `sinceMs` is when the stage, or the pause, began, by the clock by which everything ages; `startedMs` by the wall clock. */
const Begun = {
  /** Index of the stage. */
  stage: Amount,
  sinceMs: Amount,
  startedMs: Amount,
  /** Since when the new group has had no backend that takes requests; null while it has one. */
  unroutableSinceMs: Unknown,
};

const PhaseSchema = Type.Union([
  Type.Object({ kind: Type.Literal("running"), ...Begun, isOverdue: Type.Boolean() }),
  /** `sharePercent` is 0 for one that was paused from the beginning. */
  Type.Object({ kind: Type.Literal("paused"), ...Begun, sharePercent: Amount }),
  Type.Object({ kind: Type.Literal("completed"), endedMs: Amount, why: Text }),
  Type.Object({ kind: Type.Literal("rolled_back"), endedMs: Amount, why: Text }),
  Type.Object({ kind: Type.Literal("aborted"), endedMs: Amount, why: Text }),
]);

export const MigrationSchema = Type.Object({
  id: Amount,
  /** Tags of the groups. */
  from: Text,
  to: Text,
  options: MigrationOptionsSchema,
  createdMs: Amount,
  createdBy: Text,
  phase: PhaseSchema,
  reports: Type.Array(StageReportSchema),
  /** Reports that had to make room for later ones. */
  droppedReports: Amount,
  /** The group that lost is an ordinary one again. */
  isReleased: Type.Boolean(),
});

export type Migration = Readonly<Static<typeof MigrationSchema>>;
export type StageReport = Readonly<Static<typeof StageReportSchema>>;
export type Phase = Migration["phase"];
export type ActivePhase = Extract<Phase, { kind: "running" | "paused" }>;
export type EndKind = Exclude<Phase["kind"], "running" | "paused">;

/** Now, by the clock by which everything ages and by the one on the wall. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** Each interruption adds a report: the oldest make room. */
const MAX_REPORTS = 200;

export interface MigrationSpec {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly options: MigrationOptions;
  readonly createdBy: string;
}

/** Begins a migration with its first stage or, if it is asked to, with a pause in which the new group gets nothing. */
export function begin({ options, ...spec }: MigrationSpec, { nowMs, wallMs }: Moment): Migration {
  const begun = { stage: 0, sinceMs: nowMs, startedMs: wallMs, unroutableSinceMs: null };
  const phase: Phase = options.paused
    ? { kind: "paused", ...begun, sharePercent: 0 }
    : { kind: "running", ...begun, isOverdue: false };
  const record = { createdMs: wallMs, phase, reports: [], droppedReports: 0, isReleased: false };
  return { ...spec, options, ...record };
}

/** The phase of a migration that has not ended; null of one that has. */
export function activePhase({ phase }: Migration): ActivePhase | null {
  return phase.kind === "running" || phase.kind === "paused" ? phase : null;
}

/** The share of the requests that the new group is to get now, in percent. */
export function shareOf(migration: Migration): number {
  const { phase } = migration;
  if (phase.kind === "running") return stageShare(migration, phase.stage);
  if (phase.kind === "paused") return phase.sharePercent;
  return phase.kind === "completed" ? 100 : 0;
}

/** The tag whose backends get nothing because of a migration that has ended; null when there is none. */
export function closedTag(migration: Migration): string | null {
  if (activePhase(migration) !== null || migration.isReleased) return null;
  return migration.phase.kind === "completed" ? migration.from : migration.to;
}

export function stageShare({ options }: Migration, stage: number): number {
  return options.stages[stage] ?? 100;
}

/** The share of both groups' requests that the new one had, in percent; null without any. */
export function measuredShare({ from, to }: Pick<StageReport, "from" | "to">): number | null {
  const all = from.requests + to.requests;
  return all === 0 ? null : (to.requests / all) * 100;
}

/** The phase in which a stage begins. */
export function runningPhase(stage: number, { nowMs, wallMs }: Moment): Phase {
  return {
    kind: "running",
    stage,
    sinceMs: nowMs,
    startedMs: wallMs,
    unroutableSinceMs: null,
    isOverdue: false,
  };
}

interface Conclusion {
  readonly why: string;
  readonly windows: Windows;
  readonly wallMs: number;
  /** Absent after a new start: the stage was begun by the clock of another run. */
  readonly nowMs?: number;
}

/** The migration in its next phase, with a report of what led to it. */
export function concluded(
  migration: Migration,
  next: Phase,
  decision: Decision,
  { why, windows, wallMs, nowMs }: Conclusion,
): Migration {
  const phase = activePhase(migration);
  if (phase === null) return migration;
  const report: StageReport = {
    stage: phase.stage,
    sharePercent: shareOf(migration),
    // By the clock that nobody sets: a stage lasted as long as it did, whatever the wall clock says now.
    startedMs: nowMs === undefined ? phase.startedMs : wallMs - (nowMs - phase.sinceMs),
    endedMs: wallMs,
    from: summaryOf(windows.from),
    to: summaryOf(windows.to),
    fallbacks: windows.fallbacks,
    decision,
    why,
  };
  const reports = [...migration.reports, report];
  const surplus = Math.max(0, reports.length - MAX_REPORTS);
  return {
    ...migration,
    phase: next,
    reports: reports.slice(surplus),
    droppedReports: migration.droppedReports + surplus,
  };
}
