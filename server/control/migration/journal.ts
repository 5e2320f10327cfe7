/** What the log says of migrations. */
import { activePhase, type Migration, type StageReport, shareOf } from "../../../core/migration/migration.ts";
import type { Logger } from "../logging/logger.ts";

/** Logs what has changed; null before a migration begins. */
export function logChange(log: Logger, before: Migration | null, after: Migration): void {
  const { id: migration, from, to } = after;
  const data = { migration, from, to, share_percent: shareOf(after) };
  if (before === null) {
    log.info("a migration begins", { ...data, paused: after.phase.kind === "paused" });
    return;
  }
  if (after.isReleased !== before.isReleased) log.info("the groups of a migration are ordinary again", data);
  const report = after.reports.at(-1);
  if (after.reports !== before.reports && report !== undefined) logReport(log, after, report);
  const { phase } = after;
  const waits = phase.kind === "running" && phase.isOverdue;
  if (waits && !(before.phase.kind === "running" && before.phase.isOverdue)) {
    log.warn("a migration waits for more traffic", { ...data, stage: phase.stage + 1 });
  }
  if (activePhase(after) === null && activePhase(before) !== null) {
    const isBad = phase.kind === "rolled_back";
    log[isBad ? "warn" : "info"](`a migration has ended: ${phase.kind.replace("_", " ")}`, {
      ...data,
      reason: "why" in phase ? phase.why : undefined,
    });
  }
}

function logReport(log: Logger, { id, from, to }: Migration, report: StageReport): void {
  const { stage, sharePercent, decision, why } = report;
  const data = { migration: id, from, to, stage: stage + 1, share_percent: sharePercent, reason: why };
  if (decision === "no_go") log.warn("a stage of a migration: NO-GO", data);
  else log.info(`a stage of a migration: ${decision}`, data);
}
