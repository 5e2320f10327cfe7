/** Counters of the whole server, its threads and its process. */
import { FILTER_NAMES } from "../../../core/balancing/filters.ts";
import { COUNTERS, PLAIN_COUNTERS, refusalCounter } from "../../../core/table/figures/counter-names.ts";
import { LOOP_BOUNDS_SECONDS } from "../../../core/table/figures/loop-table.ts";
import { CONTROL_PLANE } from "../../../core/table/spin-lock.ts";
import { PROXY_ERROR_CODES } from "../../../core/wire/proxy-error.ts";
import type { LatestChange } from "../settings/settings.ts";
import { labelText, type MetricHead } from "./exposition.ts";
import { counter, gauge, type Metric, type ServerSource, serverMetric } from "./metric.ts";

/** Counters that are one metric with a label, or that another metric tells in parts. */
const BY_CLASS = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
const TOLD_OTHERWISE: ReadonlySet<string> = new Set([
  "requests",
  ...BY_CLASS.map((name) => `responses_${name}`),
]);

/** Every counter of the table, whoever counts it. */
export const COUNTER_METRICS: readonly Metric[] = [
  ...PLAIN_COUNTERS.filter((name) => !TOLD_OTHERWISE.has(name)).map((name) =>
    serverMetric(counter(name, COUNTERS[name]), ({ tables }) => tables.counters.sum(name)),
  ),
  labelled(
    "responses",
    "Requests that have ended, management included, by the class of their status.",
    "class",
    BY_CLASS.map((name) => [name, `responses_${name}`] as const),
  ),
  labelled(
    "errors",
    "Requests answered with an error of the server itself, by its X-Opsen-Error.",
    "code",
    PROXY_ERROR_CODES.map((code) => [code, `errors_${code}`] as const),
  ),
  labelled(
    "refusals",
    "Requests that found no backend, by each filter that took some away.",
    "filter",
    FILTER_NAMES.map((name) => [name, refusalCounter(name)] as const),
  ),
];

export const STATE_METRICS: readonly Metric[] = [
  serverMetric(gauge("client_connections", "Connections of clients that are open."), ({ tables }) =>
    Math.max(0, tables.counters.sum("connections_accepted") - tables.counters.sum("connections_closed")),
  ),
  serverMetric(gauge("tunnels", "WebSockets and other upgrades that are open."), ({ tables }) =>
    Math.max(0, tables.counters.sum("tunnels_opened") - tables.counters.sum("tunnels_closed")),
  ),
  {
    ...gauge("queue_waiting", "Requests that wait for room."),
    labels: ["tier"],
    server: ({ tables, tiers }, out) => {
      tiers.forEach(({ name }, tier) => {
        out.sample(tables.queue.waiting(tier), labelText({ tier: name }));
      });
    },
  },
  serverMetric(gauge("retries_in_flight", "Retries that are under way."), retriesInFlight),
  serverMetric(
    gauge("retry_budget_ratio", "Share of the requests in flight that may be retries, 0 to 1."),
    ({ config }) => config.retry_budget_percent / 100,
  ),
  serverMetric(gauge("sticky_sessions", "Sessions that have a backend."), ({ tables }) =>
    tables.sticky.count(),
  ),
  serverMetric(
    gauge("degraded", "1 while something does not work that should, such as the database."),
    ({ isDegraded }) => Number(isDegraded),
  ),
  serverMetric(gauge("migration_active", "1 while a migration is under way."), ({ tables }) =>
    Number(tables.migration.isActive),
  ),
  serverMetric(
    gauge("migration_share_ratio", "Share of the requests that it gives to the new group, 0 to 1."),
    ({ tables }) => tables.migration.share,
  ),
  serverMetric(gauge("workers", "Threads that serve requests."), ({ workers }) => workers),
  serverMetric(
    gauge("cache_entries", "Responses that the cache holds."),
    ({ tables }) => tables.cacheSizes.total().entries,
  ),
  serverMetric(
    gauge("cache_bytes", "Memory that they take, in bytes."),
    ({ tables }) => tables.cacheSizes.total().bytes,
  ),
  serverMetric(
    gauge("config_version", "Version of the configuration, which moves on with each change."),
    ({ configVersion }) => configVersion,
  ),
  whenChanged(
    gauge(
      "config_last_change_successful",
      "1 when the last change or reload of the configuration was applied, 0 when it was refused.",
    ),
    ({ isApplied }) => Number(isApplied),
  ),
  whenChanged(
    gauge(
      "config_last_change_timestamp_seconds",
      "When the last change or reload of the configuration was made or refused.",
    ),
    ({ atMs }) => atMs / 1000,
  ),
  {
    ...gauge("build_info", "1, with the version of the program and of its runtime."),
    labels: ["runtime", "version"],
    server: ({ version }, out) => out.sample(1, labelText({ runtime: `bun ${Bun.version}`, version })),
  },
  {
    name: "event_loop_delay_seconds",
    help: "How late the timers of a thread were.",
    type: "histogram",
    labels: ["thread"],
    server: ({ tables, workers }, out) => {
      for (let worker = CONTROL_PLANE; worker < workers; worker++) {
        const { cumulative, sumSeconds } = tables.loop.read(worker);
        const thread = worker === CONTROL_PLANE ? "control" : `worker-${worker}`;
        out.histogram(LOOP_BOUNDS_SECONDS, cumulative, sumSeconds, labelText({ thread }));
      }
    },
  },
];

/** Of the process, under the names that every program has. */
export const PROCESS_METRICS: readonly Metric[] = [
  common(
    counter("process_cpu_seconds", "Time that the process has used of all CPUs."),
    ({ process }) => process.cpuSeconds,
  ),
  common(
    gauge("process_resident_memory_bytes", "Memory of the process."),
    ({ process }) => process.residentBytes,
  ),
  common(gauge("process_open_fds", "Files and sockets that are open."), ({ process }) => process.openFiles),
  common(
    gauge("process_max_fds", "Files and sockets that may be open."),
    ({ process }) => process.maxOpenFiles,
  ),
  common(
    gauge("process_start_time_seconds", "When the process was started."),
    ({ process }) => process.startedAtSeconds,
  ),
];

/** Of the last change of the configuration; nothing before the first one. */
function whenChanged(head: MetricHead, read: (change: LatestChange) => number): Metric {
  return {
    ...head,
    labels: [],
    server: ({ latestChange }, out) => {
      if (latestChange !== null) out.sample(read(latestChange));
    },
  };
}

function labelled(
  name: string,
  help: string,
  label: string,
  counters: readonly (readonly [
    value: string,
    counter: Parameters<ServerSource["tables"]["counters"]["sum"]>[0],
  ])[],
): Metric {
  return {
    ...counter(name, help),
    labels: [label],
    server: ({ tables }, out) => {
      for (const [value, of] of counters) out.sample(tables.counters.sum(of), `${label}="${value}"`);
    },
  };
}

function common(head: ReturnType<typeof gauge>, read: (source: ServerSource) => number | null): Metric {
  return {
    ...head,
    isCommon: true,
    labels: [],
    server: (source, out) => {
      const value = read(source);
      if (value !== null) out.sample(value);
    },
  };
}

function retriesInFlight({ tables }: ServerSource): number {
  return tables.backends.columns.retriesOf.reduce((sum, retries) => sum + retries, 0);
}
