import type { BalanceColumns } from "../table/balance-columns.ts";
import { f64 } from "../table/buffer-layout.ts";

/**
 * Below this, latencies say nothing of a backend: what a request of a thread waits for its turn is more. Also where a
 * latency ends that nobody has fed for long.
 */
export const LEAST_LATENCY_MS = 0.1;

/**
 * Feeds how long a request waited for the head of its response: a peak counts at once and whole, what is lower draws the
 * mean down with the time since the last one (peak EWMA of Finagle). A request that failed never makes its backend look
 * better: one that fails fast would else attract all others.
 *
 * Not under a lock: of two that come at the same time one may be lost, which no mean notices.
 */
export function feedLatency(
  columns: BalanceColumns,
  row: number,
  { ms, nowMs, failed }: { readonly ms: number; readonly nowMs: number; readonly failed: boolean },
  decayMs: number,
): void {
  const before = f64(columns.latencyMs, row);
  const ageMs = nowMs - f64(columns.latencyAtMs, row);
  const isFirst = f64(columns.latencyAtMs, row) === 0;
  const sample = Math.max(LEAST_LATENCY_MS, ms);
  if (failed || isFirst || sample >= before) columns.latencyMs[row] = Math.max(before, sample);
  else columns.latencyMs[row] = sample + (before - sample) * Math.exp(-Math.max(0, ageMs) / decayMs);
  columns.latencyAtMs[row] = nowMs;
}

/**
 * The latency to expect of a row now, 0 when it was never fed. What was not fed for long is believed less and less, so
 * that a backend that was slow once is tried again.
 */
export function latencyNow(columns: BalanceColumns, row: number, nowMs: number, decayMs: number): number {
  const latency = f64(columns.latencyMs, row);
  const ageMs = nowMs - f64(columns.latencyAtMs, row);
  // The exponential is the dearest part of a pick: where it would take off less than a hundredth it is left out.
  if (ageMs * 100 < decayMs) return latency;
  return latency === 0 ? 0 : Math.max(LEAST_LATENCY_MS, latency * Math.exp(-ageMs / decayMs));
}
