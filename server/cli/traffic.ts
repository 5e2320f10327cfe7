/** Counts of requests out of `GET /metrics`, and rates between two looks at them. */
import type { Api } from "./connection/api.ts";

export interface Traffic {
  /** When it was read, in milliseconds of the monotonic clock. */
  readonly atMs: number;
  readonly requests: number;
  /** Answers with a status of 500 and above, whoever gave them. */
  readonly errors: number;
  readonly byClass: Readonly<Record<string, number>>;
  /** Seconds since the start, where the server tells. */
  readonly uptimeSeconds: number | null;
}

/** Asks for the counters; null when they are not given, such as with a key that may not read them. */
export async function fetchTraffic(api: Api): Promise<Traffic | null> {
  const answer = await api.call("GET", "/metrics");
  return answer.status === 200 ? trafficOf(answer.text, performance.now(), Date.now()) : null;
}

/** Reads the text format of Prometheus; null when it holds no requests. */
export function trafficOf(text: string, atMs: number, wallMs: number): Traffic | null {
  const series = seriesOf(text);
  const requests = series.get("opsen_requests_total");
  if (requests === undefined) return null;
  const byClass: Record<string, number> = {};
  for (const [name, value] of series) {
    const status = /^opsen_responses_total\{class="(\dxx)"\}$/.exec(name)?.[1];
    if (status !== undefined) byClass[status] = value;
  }
  const startedAt = series.get("opsen_start_time_seconds") ?? series.get("process_start_time_seconds");
  const uptime = series.get("opsen_uptime_seconds");
  return {
    atMs,
    requests,
    errors: byClass["5xx"] ?? 0,
    byClass,
    uptimeSeconds: uptime ?? (startedAt === undefined ? null : Math.max(0, wallMs / 1000 - startedAt)),
  };
}

/** Requests and errors a second between two looks; null when the server was started again in between. */
export function rateBetween(
  before: Traffic | null,
  after: Traffic | null,
): { readonly requests: number; readonly errors: number } | null {
  if (before === null || after === null) return null;
  const seconds = (after.atMs - before.atMs) / 1000;
  if (seconds <= 0 || after.requests < before.requests) return null;
  return {
    requests: (after.requests - before.requests) / seconds,
    errors: Math.max(0, after.errors - before.errors) / seconds,
  };
}

function seriesOf(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^([a-z_:][\w:]*(?:\{[^}]*\})?) (\S+)/i.exec(line) ?? [];
    if (name !== undefined && value !== undefined) series.set(name, Number(value));
  }
  return series;
}
