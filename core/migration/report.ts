/** A migration for people and programs: the answer of the API, and the written report. */
import {
  activePhase,
  type Decision,
  type Migration,
  measuredShare,
  type StageReport,
  shareOf,
} from "./migration.ts";
import { errorRate, type GroupSummary, summaryOf, type Windows } from "./window.ts";

/** What the present stage, or pause, has measured so far. */
export interface Current extends Windows {
  readonly heldMs: number;
}

/** A stage that lasts is told like one that is over, but has no decision yet. */
type Shown = Omit<StageReport, "decision"> & { readonly decision: Decision | null };

/** The migration as JSON, with what its present stage has measured so far. Times in RFC 3339. */
export function migrationView(migration: Migration, current: Current | null): Record<string, unknown> {
  const { id, from, to, options, createdMs, createdBy, phase, droppedReports, isReleased } = migration;
  const active = activePhase(migration);
  return {
    id,
    from,
    to,
    status: phase.kind,
    reason: active === null && "why" in phase ? phase.why : null,
    share_percent: shareOf(migration),
    stage: active === null ? null : active.stage + 1,
    stages: options.stages,
    waits_for_traffic: phase.kind === "running" && phase.isOverdue,
    created_at: time(createdMs),
    created_by: createdBy === "" ? null : createdBy,
    ended_at: "endedMs" in phase ? time(phase.endedMs) : null,
    released: isReleased,
    options,
    reports: shown(migration, current).map(reportView),
    reports_dropped: droppedReports,
  };
}

/** The written report, in Markdown. */
export function migrationReport(migration: Migration, current: Current | null): string {
  const { id, from, to, createdMs, createdBy, phase, droppedReports } = migration;
  const isOver = activePhase(migration) === null;
  const lines = [
    `# Migration ${id}: ${from} → ${to}`,
    "",
    `- Status: **${phase.kind.replace("_", " ")}**${isOver && "why" in phase ? ` (${phase.why})` : ""}`,
    `- Begun: ${time(createdMs)}${createdBy === "" ? "" : ` by ${createdBy}`}`,
    ...("endedMs" in phase ? [`- Ended: ${time(phase.endedMs)}`] : []),
    `- Share of the new group now: ${shareOf(migration)} %`,
    ...(droppedReports > 0 ? [`- Earlier parts left out: ${droppedReports}`] : []),
    "",
    ...table(shown(migration, current), migration),
  ];
  return `${lines.join("\n")}\n`;
}

const HEADINGS = [
  "stage",
  "share wanted",
  "measured",
  "began",
  "lasted",
  "group",
  "requests",
  "error rate",
  "p50",
  "p99",
  "mean",
  "fallbacks",
  "decision",
  "why",
] as const;

function table(reports: readonly Shown[], { from, to }: Migration): string[] {
  const rows = reports.flatMap((report) => {
    const share = measuredShare(report);
    const head = [
      String(report.stage + 1),
      `${report.sharePercent} %`,
      share === null ? "–" : `${rounded(share)} %`,
      time(report.startedMs),
      `${rounded((report.endedMs - report.startedMs) / 1000)} s`,
    ];
    const tail = [
      String(report.fallbacks),
      (report.decision ?? "under way").replace("no_go", "NO-GO"),
      report.why,
    ];
    const blank = head.map(() => "");
    return [
      row([...head, `new (${to})`, ...figures(report.to), ...tail]),
      row([...blank, `old (${from})`, ...figures(report.from), "", "", ""]),
    ];
  });
  return [row(HEADINGS), row(HEADINGS.map(() => "---")), ...rows];
}

function figures(group: GroupSummary): string[] {
  const rate = errorRate(group);
  const latencies = [group.p50Ms, group.p99Ms, group.meanMs].map((ms) =>
    ms === null ? "–" : `${rounded(ms)} ms`,
  );
  return [String(group.requests), rate === null ? "–" : `${rounded(rate * 100)} %`, ...latencies];
}

/** Reasons hold tags and names of keys: what would end a cell is escaped. */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function shown(migration: Migration, current: Current | null): Shown[] {
  const phase = activePhase(migration);
  if (phase === null || current === null) return [...migration.reports];
  const now: Shown = {
    stage: phase.stage,
    sharePercent: shareOf(migration),
    startedMs: phase.startedMs,
    endedMs: phase.startedMs + current.heldMs,
    from: summaryOf(current.from),
    to: summaryOf(current.to),
    fallbacks: current.fallbacks,
    decision: null,
    why: "",
  };
  return [...migration.reports, now];
}

function reportView(report: Shown): Record<string, unknown> {
  const { stage, sharePercent, startedMs, endedMs, from, to, fallbacks, decision, why } = report;
  return {
    stage: stage + 1,
    share_percent: sharePercent,
    measured_percent: measuredShare(report),
    started_at: time(startedMs),
    ended_at: decision === null ? null : time(endedMs),
    seconds: (endedMs - startedMs) / 1000,
    from: groupView(from),
    to: groupView(to),
    fallbacks,
    decision,
    reason: why,
  };
}

function groupView(group: GroupSummary): Record<string, number | null> {
  const rate = errorRate(group);
  return {
    requests: group.requests,
    errors: group.errors,
    error_rate_percent: rate === null ? null : rate * 100,
    p50_ms: group.p50Ms,
    p99_ms: group.p99Ms,
    mean_ms: group.meanMs,
  };
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
