/** GO or NO-GO: the new group against the old one, both in the same window. */
import type { MigrationOptions } from "./options.ts";
import { type Estimate, leastDifference, leastExcess, type Seen, wilson } from "./statistics.ts";
import {
  errorRate,
  type GroupWindow,
  meanMs,
  quantileMs,
  slowerThan,
  timed,
  varianceMs2,
  type Windows,
} from "./window.ts";

/** Of the requests, so many may be slower than what the 99th percentile may be. */
const SLOW_SHARE = 0.01;

/** Says whether both groups had enough requests; at 100 % the old one need have none. */
export function hasEnough({ from, to }: Windows, sharePercent: number, options: MigrationOptions): boolean {
  const least = options.min_requests;
  return to.requests >= least && (sharePercent >= 100 || from.requests >= least);
}

/**
 * Says why the new group is NO-GO, or null while nothing is proven against it. `z` says how sure a fault has to be, as
 * in `statistics.ts`. What compares with the old group is left out while that had too few requests.
 */
export function faultOf(windows: Windows, options: MigrationOptions, z: number): string | null {
  const { from, to } = windows;
  if (to.requests < options.min_requests) return null;
  const isComparable = from.requests >= options.min_requests;
  return (
    errorFault(to, options, z) ??
    slownessFault(to, options, z) ??
    (isComparable ? (excessFault(windows, options, z) ?? ratioFault(windows, options, z)) : null)
  );
}

/** Both groups in one line, as a GO is given reasons. */
export function figuresText({ from, to }: Windows): string {
  return `new group: ${groupText(to)}; old group: ${groupText(from)}`;
}

function errorFault(to: GroupWindow, options: MigrationOptions, z: number): string | null {
  const most = options.max_error_rate_percent;
  const { low } = wilson(to.errors, to.requests, z);
  if (low * 100 <= most) return null;
  return `error rate ${rateText(to)}, surely above ${percent(low)}: more than max_error_rate_percent (${most})`;
}

function excessFault({ from, to }: Windows, options: MigrationOptions, z: number): string | null {
  const most = options.max_error_rate_delta_percent;
  const least = leastDifference(seenErrors(to), seenErrors(from), z);
  if (least * 100 <= most) return null;
  const figures = `error rate ${rateText(to)} against ${rateText(from)} of the old group`;
  return `${figures}, surely ${points(least)} higher: more than max_error_rate_delta_percent (${most})`;
}

function slownessFault(to: GroupWindow, options: MigrationOptions, z: number): string | null {
  const most = options.max_latency_ms;
  if (most === 0 || !isTooSlow(to, most, z)) return null;
  return `p99 ${ms(quantileMs(to, 0.99))}: more than max_latency_ms (${most})`;
}

/** The means by Welch's statistic, the 99th percentiles by how many requests are beyond what they may be. */
function ratioFault({ from, to }: Windows, options: MigrationOptions, z: number): string | null {
  if (options.max_latency_ratio === 0 || timed(from) === 0 || timed(to) === 0) return null;
  const { factor, add } = allowance(meanMs(from) ?? 0, options);
  const mean = estimate(from);
  const allowed = { mean: mean.mean * factor + add, error: mean.error * factor };
  if (leastExcess(estimate(to), allowed, z) > 0) return ratioText("mean", meanMs(to), meanMs(from), options);
  const before = quantileMs(from, 0.99) ?? 0;
  const p99 = allowance(before, options);
  const limitMs = before * p99.factor + p99.add;
  if (!isTooSlow(to, limitMs, z)) return null;
  // Of few requests the old group's 99th percentile may be a poor guess: it must have been slow less often, too.
  if (leastDifference(seenSlow(to, limitMs), seenSlow(from, limitMs), z) <= 0) return null;
  return ratioText("p99", quantileMs(to, 0.99), before, options);
}

/** What a figure of the old group allows to the new one: the ratio, but never less than the slack. */
function allowance(before: number, options: MigrationOptions): { factor: number; add: number } {
  const { max_latency_ratio: ratio, latency_slack_ms: slack } = options;
  const isSlackMore = before + slack >= before * ratio;
  return isSlackMore ? { factor: 1, add: slack } : { factor: ratio, add: 0 };
}

function isTooSlow(to: GroupWindow, limitMs: number, z: number): boolean {
  const { hits, total } = seenSlow(to, limitMs);
  return wilson(hits, total, z).low > SLOW_SHARE;
}

function seenErrors({ errors, requests }: GroupWindow): Seen {
  return { hits: Math.min(errors, requests), total: requests };
}

function seenSlow(window: GroupWindow, limitMs: number): Seen {
  return { hits: slowerThan(window, limitMs), total: timed(window) };
}

function estimate(window: GroupWindow): Estimate {
  return { mean: meanMs(window) ?? 0, error: Math.sqrt(varianceMs2(window) / Math.max(1, timed(window))) };
}

function ratioText(
  what: string,
  now: number | null,
  before: number | null,
  { max_latency_ratio: ratio, latency_slack_ms: slack }: MigrationOptions,
): string {
  const limits = `max_latency_ratio (${ratio}) and latency_slack_ms (${slack})`;
  return `${what} ${ms(now)} against ${ms(before)} of the old group: more than ${limits} allow`;
}

function groupText(window: GroupWindow): string {
  if (window.requests === 0) return "no requests";
  const latencies = `p99 ${ms(quantileMs(window, 0.99))}, mean ${ms(meanMs(window))}`;
  return `${window.requests} requests, error rate ${percent(errorRate(window) ?? 0)}, ${latencies}`;
}

function rateText(window: GroupWindow): string {
  return `${percent(errorRate(window) ?? 0)} (${window.errors} of ${window.requests})`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function points(share: number): string {
  return `${Number((share * 100).toPrecision(3))} points`;
}

function ms(value: number | null): string {
  return value === null ? "unknown" : `${Number(value.toPrecision(3))} ms`;
}
