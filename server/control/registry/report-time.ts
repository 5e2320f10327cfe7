/** When a report was made, by its own word. */
import type { StoredReport } from "../store/rows.ts";

/** A clock that is ahead by more is not believed. */
const MAX_AHEAD_MS = 5 * 60_000;

/** RFC 3339 section 5.6. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

export type ReportTime =
  | { readonly ok: true; readonly atMs: number; readonly isClockAhead: boolean }
  | { readonly ok: false };

/** Reads a report's timestamp; absent, or the zero time that Go writes for absent, means now. */
export function readReportTime(timestamp: string | undefined, nowMs: number): ReportTime {
  if (timestamp === undefined || timestamp === "" || timestamp.startsWith("0001-01-01T00:00:00")) {
    return { ok: true, atMs: nowMs, isClockAhead: false };
  }
  if (!RFC_3339.test(timestamp)) return { ok: false };
  const atMs = Date.parse(timestamp.replace(" ", "T"));
  if (!Number.isFinite(atMs)) return { ok: false };
  const isClockAhead = atMs > nowMs + MAX_AHEAD_MS;
  return { ok: true, atMs: isClockAhead ? nowMs : atMs, isClockAhead };
}

/** Tells whether the clock of a backend was ahead at its last report. */
export function wasClockAhead(last: StoredReport | null): boolean {
  if (last === null) return false;
  const time = readReportTime(last.report.timestamp, last.receivedMs);
  return time.ok && time.isClockAhead;
}

/**
 * Tells whether a report came after a newer one. A clock that ran ahead and was set right since looks like that
 * too; it is told by a time between the two receipts.
 */
export function isSuperseded(
  report: { readonly atMs: number; readonly receivedMs: number },
  last: { readonly timestampMs: number; readonly receivedMs: number },
): boolean {
  if (report.atMs >= last.timestampMs) return false;
  const wasAhead = last.timestampMs > last.receivedMs;
  return !(wasAhead && report.atMs >= last.receivedMs && report.atMs <= report.receivedMs);
}
