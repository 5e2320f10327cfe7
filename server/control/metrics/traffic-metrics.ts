/** Requests, their durations, and connections to backends. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { labelOfSlot } from "../../../core/table/figures/traffic-layout.ts";
import type { TrafficReading } from "../../../core/table/figures/traffic-reading.ts";
import { type Exposition, labelText, type MetricHead } from "./exposition.ts";
import { backendMetric, counter, gauge, type Metric, type ServerSource, serverMetric } from "./metric.ts";

const MS_PER_SECOND = 1000;
/** Of requests that no backend had a part in. */
const NO_BACKEND = labelText({ backend: "" });

/** What the requests of each backend, and of all, were. */
export function trafficMetrics(config: ServerConfig): Metric[] {
  return [
    {
      ...counter(
        "requests",
        "Proxied requests that have ended, by the status that the client got; those with an empty backend had none.",
      ),
      labels: ["backend", "status"],
      server: ({ unserved }, out) => writeStatuses(unserved, NO_BACKEND, out),
      backend: ({ traffic, labels }, out) => writeStatuses(traffic, labels, out),
    },
    {
      ...durations(config, "request", "of requests by their backend, tunnels left out"),
      labels: ["backend"],
      backend: ({ server, traffic, labels }, out) => writeDurations(server, traffic, labels, out),
    },
    {
      ...durations(config, "proxied", "of all proxied requests, with backend or without, tunnels left out"),
      labels: [],
      server: (server, out) => writeDurations(server, server.total, "", out),
    },
    ...BACKEND_COUNTERS,
    ...CONNECTIONS,
    serverMetric(
      counter("queue_wait_seconds", "Time that requests have waited for room."),
      ({ total }) => total.queuedMs / MS_PER_SECOND,
    ),
  ];
}

const BACKEND_COUNTERS: readonly Metric[] = [
  count("errors", "Attempts that brought no valid answer.", ({ errors }) => errors),
  count(
    "retries",
    "Attempts after which the request went to another backend, or the cache.",
    ({ retries }) => retries,
  ),
  count("broken_responses", "Answers that had begun well, below 500, and were cut.", ({ broken }) => broken),
  count("received_bytes", "Bytes of bodies and tunnels that clients sent.", ({ bytesIn }) => bytesIn),
  count("sent_bytes", "Bytes of bodies and tunnels that clients got.", ({ bytesOut }) => bytesOut),
  count("connects", "Requests for which a connection was opened.", ({ connects }) => connects),
  count("reuses", "Requests that went over a kept connection.", ({ reuses }) => reuses),
];

const CONNECTIONS: readonly Metric[] = [
  backendMetric(
    gauge("connections_active", "Connections to a backend that are in use."),
    ({ server, state, traffic }) => Math.max(0, server.tables.connections.open(state.row) - traffic.idle),
  ),
  backendMetric(
    gauge("connections_idle", "Connections to a backend that are kept without work."),
    ({ traffic }) => traffic.idle,
  ),
  backendMetric(
    gauge("requests_in_flight", "Requests that a backend has now."),
    ({ state }) => state.inFlight,
  ),
  backendMetric(
    gauge("backend_last_request_timestamp_seconds", "When a request of a backend last ended."),
    ({ server, traffic: { lastAtMs } }) => (lastAtMs === 0 ? null : server.wallOf(lastAtMs) / MS_PER_SECOND),
  ),
];

function count(name: string, help: string, read: (traffic: TrafficReading) => number): Metric {
  return backendMetric(counter(`backend_${name}`, help), ({ traffic }) => read(traffic));
}

function writeStatuses({ statuses }: TrafficReading, labels: string, out: Exposition): void {
  // Only what has happened: of forty statuses a backend sends few.
  statuses.forEach((requests, slot) => {
    if (requests > 0) out.sample(requests, `${labels},status="${labelOfSlot(slot)}"`);
  });
}

function durations({ metrics_duration_unit: unit }: ServerConfig, what: string, help: string): MetricHead {
  const suffix = unit === "seconds" ? "seconds" : "ms";
  const text = `Time in ${unit} from the head to the end of the answer, ${help}.`;
  return { name: `${what}_duration_${suffix}`, help: text, type: "histogram" };
}

function writeDurations(
  { config, tables }: ServerSource,
  { cells, durationMs }: TrafficReading,
  labels: string,
  out: Exposition,
): void {
  const { scale } = tables.traffic;
  const unitMs = config.metrics_duration_unit === "seconds" ? MS_PER_SECOND : 1;
  const bounds = scale.boundsMs.map((bound) => bound / unitMs);
  out.histogram(bounds, scale.cumulative(cells), durationMs / unitMs, labels);
}
