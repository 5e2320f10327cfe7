import { f64, i32 } from "../buffer-layout.ts";
import type { BackendColumns } from "./backend-columns.ts";
import { noteReport } from "./balance-columns.ts";
import { MAX_GPUS, type RowFigures } from "./row-figures.ts";

/**
 * Stands for a score that is no number, which would win or lose every comparison: it comes last, and still leaves
 * room below the largest number for the weighted distance.
 */
const LAST_SCORE = 1e300;

/** Writes everything that a report or a probe changes; the caller holds the row's lock. */
export function writeFigures(columns: BackendColumns, row: number, figures: RowFigures): void {
  // A probe writes the figures of the last report again.
  if (figures.reportedAtMs !== f64(columns.reportedAtMs, row)) {
    const load = Math.max(i32(columns.inFlight, row), i32(columns.leasedCores, row));
    noteReport(columns.balance, row, load, figures.coreCost);
  }
  columns.freeCores[row] = figures.freeCores;
  columns.memoryAvail[row] = orElse(figures.memoryAvailBytes, 0);
  columns.diskAvail[row] = orElse(figures.diskAvailBytes, 0);
  for (let gpu = 0; gpu < MAX_GPUS; gpu++) {
    columns.gpuVramFree[row * MAX_GPUS + gpu] = orElse(figures.gpuVramFreeBytes[gpu], 0);
  }
  for (const [tier, scores] of columns.baseScore.entries()) {
    scores[row] = orElse(figures.baseScores[tier], LAST_SCORE);
  }
  for (const [tier, masks] of columns.gpuMask.entries()) masks[row] = figures.gpuMasks[tier] ?? 0;
  columns.reportedAtMs[row] = orElse(figures.reportedAtMs, -Infinity);
}

function orElse(value: number | undefined, fallback: number): number {
  return value !== undefined && Number.isFinite(value) ? value : fallback;
}
