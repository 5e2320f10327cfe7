/** What `/health` tells of backends to those who may see them. */
import { errorRateOf, failuresOf, type TrafficReading } from "../../../core/table/figures/traffic-reading.ts";
import type { BackendState } from "../registry/backend-state.ts";
import type { ApiDeps } from "./deps.ts";
import { breakersOf, statusOf } from "./fleet-view.ts";

/** Totals and backends, under the names that monitors of other balancers know. */
export function healthDetail(deps: ApiDeps, nowMs: number): Readonly<Record<string, unknown>> {
  const total = deps.tables.traffic.readTotal();
  return {
    total_requests: total.requests,
    total_errors: failuresOf(total),
    bytes_in: total.bytesIn,
    bytes_out: total.bytesOut,
    backends: deps.registry.list(nowMs).map((state) => backendHealth(deps, state, nowMs)),
  };
}

function backendHealth(deps: ApiDeps, state: BackendState, nowMs: number): Readonly<Record<string, unknown>> {
  const { tables, monitor } = deps;
  const traffic = tables.traffic.read(state.row, state.generation);
  const status = statusOf(state, breakersOf(deps, state, nowMs));
  return {
    id: state.clientId,
    address: URL.canParse(state.endpoint) ? new URL(state.endpoint).host : "",
    url: state.endpoint,
    status,
    healthy: status === "healthy" || status === "unknown",
    latency_ms: Math.round(state.latencyMs * 10) / 10,
    error_rate: monitor?.history.errorRate(state) ?? errorRateOf(traffic),
    active_connections: state.inFlight,
    total_requests: traffic.requests,
    total_errors: failuresOf(traffic),
    bytes_in: traffic.bytesIn,
    bytes_out: traffic.bytesOut,
    last_request: lastRequest(deps, traffic),
    last_check: state.lastHealthCheckMs === null ? null : new Date(state.lastHealthCheckMs).toISOString(),
  };
}

function lastRequest({ wallOf }: ApiDeps, { lastAtMs }: TrafficReading): string | null {
  return lastAtMs === 0 ? null : new Date(wallOf(lastAtMs)).toISOString();
}
