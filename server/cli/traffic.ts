/** Counts of requests out of `GET /metrics`, and rates between two looks at them. */
import type { Api } from "./connection/api.ts";
import { record, textOf } from "./json.ts";

export interface Counts {
  /** When it was read, in milliseconds of the monotonic clock. */
  readonly atMs: number;
  readonly requests: number;
  /** Answers with a status of 500 and above, and requests without an answer. */
  readonly errors: number;
}

export interface Traffic extends Counts {
  readonly byClass: Readonly<Record<string, number>>;
  /** Seconds since the start, where the server tells. */
  readonly uptimeSeconds: number | null;
  readonly version: string | null;
}

const USUAL_PATH = "/metrics";
/** Of servers that do not tell their name for metrics. */
const USUAL_PREFIX = "opsen_";

/** Where the metrics are: a path that is not management's would go to a backend. Null when there are none. */
export async function metricsPathOf(api: Api): Promise<string | null> {
  const { status, json } = await api.call("GET", "/config");
  const config = record(record(json).config);
  if (status === 200 && config.metrics_enabled === false) return null;
  return textOf(config, "metrics_path") ?? USUAL_PATH;
}

/** Asks for the counters; null when they are not given, such as with a key that may not read them. */
export async function fetchTraffic(api: Api, path: string | null): Promise<Traffic | null> {
  if (path === null) return null;
  const answer = await api.call("GET", path);
  return answer.status === 200 ? trafficOf(answer.text, performance.now(), Date.now()) : null;
}

/** Reads the text format of Prometheus; null when it holds no requests. */
export function trafficOf(text: string, atMs: number, wallMs: number): Traffic | null {
  const series = seriesOf(text);
  const info = series.find(({ name }) => name.endsWith("build_info"));
  const prefix = info === undefined ? USUAL_PREFIX : info.name.slice(0, -"build_info".length);
  const requests = sum(series, `${prefix}requests_total`);
  if (requests === null) return null;
  const byClass: Record<string, number> = {};
  for (const { name, labels, value } of series) {
    const status = /(?:^|,)class="(\dxx)"/.exec(labels)?.[1];
    if (name === `${prefix}responses_total` && status !== undefined) byClass[status] = value;
  }
  const startedAt = sum(series, "process_start_time_seconds");
  return {
    atMs,
    requests,
    errors: byClass["5xx"] ?? 0,
    byClass,
    uptimeSeconds: startedAt === null ? null : Math.max(0, wallMs / 1000 - startedAt),
    version: /(?:^|,)version="([^"]*)"/.exec(info?.labels ?? "")?.[1] ?? null,
  };
}

/** Tells by counts that fell whether the server was started again in between. */
export function isStartedAnew(before: Counts | null, after: Counts | null): boolean {
  return before !== null && after !== null && after.requests < before.requests;
}

/** Requests and errors a second between two looks; null when the server was started again in between. */
export function rateBetween(
  before: Counts | null,
  after: Counts | null,
): { readonly requests: number; readonly errors: number } | null {
  if (before === null || after === null) return null;
  const seconds = (after.atMs - before.atMs) / 1000;
  if (seconds <= 0 || isStartedAnew(before, after)) return null;
  return {
    requests: (after.requests - before.requests) / seconds,
    errors: Math.max(0, after.errors - before.errors) / seconds,
  };
}

interface Sample {
  readonly name: string;
  /** What stands between the braces. */
  readonly labels: string;
  readonly value: number;
}

function seriesOf(text: string): readonly Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)/i.exec(line) ?? [];
    return name === undefined ? [] : [{ name, labels, value: Number(value) }];
  });
}

function sum(series: readonly Sample[], wanted: string): number | null {
  const found = series.filter(({ name }) => name === wanted);
  return found.length === 0 ? null : found.reduce((total, { value }) => total + value, 0);
}
