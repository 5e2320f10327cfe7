/** Whether backends serve. */

import { BREAKERS_PER_ROW, breakerOf } from "../../../core/table/backend/breaker-columns.ts";
import { f64 } from "../../../core/table/buffer-layout.ts";
import { type Exposition, labelText } from "./exposition.ts";
import { type BackendSource, backendMetric, counter, gauge, type Metric, serverMetric } from "./metric.ts";

const MS_PER_SECOND = 1000;

export const HEALTH_METRICS: readonly Metric[] = [
  serverMetric(gauge("backends", "Backends that are registered."), ({ backends }) => backends),
  serverMetric(
    gauge("backends_active", "Backends heard of within stale_minutes."),
    ({ activeBackends }) => activeBackends,
  ),
  backendMetric(
    gauge("backend_up", "1 while a backend is heard of, and its probes do not say that it is down."),
    ({ state }) => Number(state.active && state.health !== "unhealthy"),
  ),
  backendMetric(
    gauge("backend_routable", "1 while a request of some tier would be sent to a backend."),
    ({ state }) => Number(state.routable),
  ),
  backendMetric(gauge("backend_draining", "1 while a backend gets nothing new."), ({ state }) =>
    Number(state.draining),
  ),
  backendMetric(
    gauge("backend_probe_latency_seconds", "Average of the successful probes of a backend."),
    ({ state }) => (state.lastHealthCheckMs === null ? null : state.latencyMs / MS_PER_SECOND),
  ),
  backendMetric(
    gauge("backend_report_age_seconds", "Age of the last report of a backend's agent."),
    ({ server, state }) =>
      state.reportedAtMs === null
        ? null
        : Math.max(0, server.wallOf(server.nowMs) - state.reportedAtMs) / MS_PER_SECOND,
  ),
  {
    ...gauge("breaker_state", "Circuit breaker of an endpoint: 0 closed, 1 half-open, 2 open."),
    labels: ["backend", "endpoint"],
    backend: writeBreakers,
  },
  {
    ...counter("breaker_changes", "Times that a circuit breaker of a backend has opened or closed."),
    labels: ["backend", "to"],
    backend: ({ traffic, labels }, out) => {
      out.sample(traffic.breakersOpened, `${labels},to="open"`);
      out.sample(traffic.breakersClosed, `${labels},to="closed"`);
    },
  },
  serverMetric(
    gauge("backends_ejected", "Backends with a breaker that is not closed."),
    ({ tables }) => tables.backends.openBreakers.rows,
  ),
];

function writeBreakers({ server, state, labels }: BackendSource, out: Exposition): void {
  const { openUntilMs } = server.tables.backends.columns.breakers;
  for (const [index, { url }] of state.endpoints.slice(0, BREAKERS_PER_ROW).entries()) {
    const until = f64(openUntilMs, breakerOf(state.row, index));
    const value = until === 0 ? 0 : server.nowMs >= until ? 1 : 2;
    out.sample(value, `${labels},${labelText({ endpoint: url })}`);
  }
}
