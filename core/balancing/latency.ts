import { type BalanceColumns, LOAD_LEVELS } from "../table/backend/balance-columns.ts";
import { f64 } from "../table/buffer-layout.ts";

/**
 * Below this, latencies say nothing of a backend: what a request of a thread waits for its turn is more. Also where a
 * latency ends that nobody has fed for long.
 */
export const LEAST_LATENCY_MS = 0.1;

/** How much of a mean by load a new latency is: some five of the last ones decide. */
const NEW_PART = 0.2;

/** What a request met. */
export interface Met {
  /** How long it waited for the head of its response, or in vain. */
  readonly ms: number;
  readonly nowMs: number;
  readonly failed: boolean;
  /** Requests that were in flight beside when it came. */
  readonly others: number;
  /** The latency of the slowest backend that is known. */
  readonly slowestMs: number;
}

/**
 * Feeds how long a request waited for the head of its response: a peak counts at once and whole, what is lower draws the
 * mean down with the time since the last one (peak EWMA of Finagle). A request that failed never makes its backend look
 * better: one that fails fast would else attract all others. What was never met before is no better for it than
 * `slowestMs`.
 *
 * Not under a lock: of two that come at the same time one may be lost, which no mean notices.
 */
export function feedLatency(
  columns: BalanceColumns,
  row: number,
  { ms, nowMs, failed, others, slowestMs }: Met,
  decayMs: number,
): void {
  const before = f64(columns.latencyMs, row);
  const ageMs = nowMs - f64(columns.latencyAtMs, row);
  const isFirst = f64(columns.latencyAtMs, row) === 0;
  const least = failed && isFirst ? Math.max(LEAST_LATENCY_MS, slowestMs) : LEAST_LATENCY_MS;
  const sample = Math.max(least, ms);
  if (failed || isFirst || sample >= before) columns.latencyMs[row] = Math.max(before, sample);
  else columns.latencyMs[row] = sample + (before - sample) * Math.exp(-Math.max(0, ageMs) / decayMs);
  columns.latencyAtMs[row] = nowMs;
  columns.awaitedSinceMs[row] = 0;
  const level = row * LOAD_LEVELS + levelOf(others);
  const mean = f64(columns.latencyAtLoad, level);
  if (mean === 0) {
    columns.latencyAtLoad[level] = failed ? Math.max(sample, latencyAtLoad(columns, row, others)) : sample;
  } else if (!failed || sample > mean) {
    columns.latencyAtLoad[level] = mean + (sample - mean) * NEW_PART;
  }
}

/** Notes that an answer of a row is awaited, if none is yet, or a row that has been silent for long is tried anew. */
export function awaitAnswer(
  { awaitedSinceMs }: BalanceColumns,
  row: number,
  nowMs: number,
  decayMs: number,
): void {
  const sinceMs = f64(awaitedSinceMs, row);
  if (sinceMs === 0 || nowMs - sinceMs > decayMs) awaitedSinceMs[row] = nowMs;
}

/**
 * A latency that is expected of a row, or more if it has been silent for longer with a request under way: what it answered
 * before says nothing of one that has stopped to answer. Also this is believed less and less, after `decayMs`.
 */
export function orSilence(
  { awaitedSinceMs }: BalanceColumns,
  row: number,
  ms: number,
  nowMs: number,
  decayMs: number,
): number {
  const sinceMs = f64(awaitedSinceMs, row);
  if (sinceMs === 0) return ms;
  const silentMs = nowMs - sinceMs;
  return Math.max(ms, silentMs <= decayMs ? silentMs : aged(decayMs, silentMs - decayMs, decayMs));
}

/** The latency of the slowest row that is known, 0 of none. */
export function slowestKnown({ latencyMs }: BalanceColumns, limit: number): number {
  let slowest = 0;
  for (let row = 0; row < limit; row++) slowest = Math.max(slowest, f64(latencyMs, row));
  return slowest;
}

/** The latency to expect of a row now, 0 when it was never fed. */
export function latencyNow(columns: BalanceColumns, row: number, nowMs: number, decayMs: number): number {
  return aged(f64(columns.latencyMs, row), nowMs - f64(columns.latencyAtMs, row), decayMs);
}

/**
 * What a latency is worth that was fed so long ago. It is believed less and less, so that a backend that was slow once is
 * tried again.
 */
export function aged(latencyMs: number, ageMs: number, decayMs: number): number {
  // The exponential is the dearest part of a pick: where it would take off less than a hundredth it is left out.
  if (ageMs * 100 < decayMs || latencyMs === 0) return latencyMs;
  return Math.max(LEAST_LATENCY_MS, latencyMs * Math.exp(-ageMs / decayMs));
}

/**
 * The mean latency that requests met on a row with that many others in flight, 0 when it was never fed: of those that came
 * at about that load, else at the nearest lower one that is known, else at a higher one.
 */
export function latencyAtLoad({ latencyAtLoad: means }: BalanceColumns, row: number, others: number): number {
  const first = row * LOAD_LEVELS;
  const wanted = levelOf(others);
  for (let level = wanted; level >= 0; level--) {
    const mean = f64(means, first + level);
    if (mean !== 0) return mean;
  }
  for (let level = wanted + 1; level < LOAD_LEVELS; level++) {
    const mean = f64(means, first + level);
    if (mean !== 0) return mean;
  }
  return 0;
}

function levelOf(others: number): number {
  return Math.min(LOAD_LEVELS - 1, 32 - Math.clz32(others));
}
