/** Rules of the keys about metrics that their types cannot say. */
import type { PathPart } from "../../schema/check.ts";
import type { ServerConfig } from "../schema/server-schema.ts";

interface MetricsFault {
  readonly path: readonly PathPart[];
  readonly message: string;
}

const MAX_LABELS = 16;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/;
/** Names that series have for themselves; see docs/monitoring.md. */
export const OWN_LABELS: ReadonlySet<string> = new Set([
  "backend",
  "class",
  "code",
  "core",
  "endpoint",
  "filter",
  "gpu",
  "le",
  "name",
  "runtime",
  "state",
  "status",
  "thread",
  "tier",
  "to",
  "version",
]);
/** First parts of the paths of other management calls. */
const MANAGEMENT: ReadonlySet<string> = new Set([
  "audit",
  "backends",
  "cache",
  "clients",
  "config",
  "console",
  "health",
  "leases",
  "migrations",
  "ping",
  "ready",
  "register",
  "route",
  "stats",
  "swagger",
]);
/** Points of one series of the long history. */
const MAX_POINTS = 20_000;
const SECONDS_PER_HOUR = 3600;

/** Finds what does not fit together; keys that are wrong by themselves are absent. */
export function metricsFaults(config: Partial<ServerConfig>): MetricsFault[] {
  return [
    ...boundFaults(config.metrics_duration_buckets_ms ?? []),
    ...Object.keys(config.metrics_labels ?? {}).flatMap(labelFaults),
    ...labelCountFaults(config),
    ...tokenFaults(config),
    ...portFaults(config),
    ...pathFaults(config.metrics_path ?? ""),
    ...historyFaults(config),
  ];
}

function boundFaults(bounds: readonly number[]): MetricsFault[] {
  const index = bounds.findIndex((bound, at) => at > 0 && bound <= (bounds[at - 1] ?? 0));
  if (index < 0) return [];
  return [{ path: ["metrics_duration_buckets_ms", index], message: "must be above the one before it" }];
}

function labelFaults(name: string): MetricsFault[] {
  const path = ["metrics_labels", name];
  if (!LABEL_NAME.test(name) || name.startsWith("__")) {
    return [{ path, message: "must be named by letters, digits or _, not beginning with a digit or __" }];
  }
  return OWN_LABELS.has(name) ? [{ path, message: "is a label that series have for themselves" }] : [];
}

function labelCountFaults({ metrics_labels: labels = {} }: Partial<ServerConfig>): MetricsFault[] {
  if (Object.keys(labels).length <= MAX_LABELS) return [];
  return [{ path: ["metrics_labels"], message: `must have at most ${MAX_LABELS} labels` }];
}

function tokenFaults(config: Partial<ServerConfig>): MetricsFault[] {
  const { metrics_bearer_token: token = "", metrics_bearer_token_file: file = "" } = config;
  if (token === "" || file === "") return [];
  const message = "must not stand beside metrics_bearer_token: one of them holds it";
  return [{ path: ["metrics_bearer_token_file"], message }];
}

function portFaults(config: Partial<ServerConfig>): MetricsFault[] {
  const { metrics_port: metrics = 0 } = config;
  if (metrics === 0) return [];
  const other = (["port", "admin_port"] as const).find((key) => config[key] === metrics);
  if (other === undefined) return [];
  return [{ path: ["metrics_port"], message: `must differ from ${other}, got ${metrics} for both` }];
}

function pathFaults(path: string): MetricsFault[] {
  const [, first = ""] = path.split("/");
  if (!MANAGEMENT.has(first)) return [];
  return [{ path: ["metrics_path"], message: `must not be a path of other management calls, got ${path}` }];
}

function historyFaults(config: Partial<ServerConfig>): MetricsFault[] {
  const { metrics_retention_hours: hours, metrics_collect_interval_seconds: seconds } = config;
  if (hours === undefined || seconds === undefined) return [];
  if ((hours * SECONDS_PER_HOUR) / seconds <= MAX_POINTS) return [];
  const message = `must be ${Math.ceil((hours * SECONDS_PER_HOUR) / MAX_POINTS)} or more to keep ${hours} hours`;
  return [{ path: ["metrics_collect_interval_seconds"], message }];
}
