import { randomUUID } from "node:crypto";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { CONTROL_PLANE } from "../../../core/table/spin-lock.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { Logger } from "../logging/logger.ts";
import { Exporter } from "./exporter.ts";

type TracingKeys = Pick<
  ServerConfig,
  "otlp_endpoint" | "otlp_headers" | "otlp_timeout_seconds" | "trace_service_name"
>;

/** Makes what sends spans to the collector; null without one. */
export function makeExporter(
  config: TracingKeys,
  version: string,
  tables: Tables,
  log: Logger,
): Exporter | null {
  if (config.otlp_endpoint === "") return null;
  return new Exporter({
    endpoint: config.otlp_endpoint,
    headers: config.otlp_headers,
    timeoutMs: config.otlp_timeout_seconds * 1000,
    serviceName: config.trace_service_name,
    instanceId: randomUUID(),
    version,
    count: (counter, by) => tables.counters.inc(CONTROL_PLANE, counter, by),
    log,
  });
}
