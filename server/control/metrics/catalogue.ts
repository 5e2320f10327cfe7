/** Every metric, in the order in which they are told. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { AGENT_METRICS } from "./agent-metrics.ts";
import { CAPACITY_METRICS } from "./capacity-metrics.ts";
import { HEALTH_METRICS } from "./health-metrics.ts";
import type { Metric } from "./metric.ts";
import { COUNTER_METRICS, PROCESS_METRICS, STATE_METRICS } from "./server-metrics.ts";
import { trafficMetrics } from "./traffic-metrics.ts";

export function catalogue(config: ServerConfig): readonly Metric[] {
  return [
    ...trafficMetrics(config),
    ...HEALTH_METRICS,
    ...CAPACITY_METRICS,
    ...AGENT_METRICS,
    ...COUNTER_METRICS,
    ...STATE_METRICS,
    ...PROCESS_METRICS,
  ];
}

/** What precedes the names of all metrics but the common ones. */
export function namePrefix(config: Pick<ServerConfig, "metrics_namespace" | "metrics_subsystem">): string {
  const parts = [config.metrics_namespace, config.metrics_subsystem].filter((part) => part !== "");
  return parts.map((part) => `${part}_`).join("");
}
