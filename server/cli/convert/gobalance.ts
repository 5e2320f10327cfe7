/** GoBalance's `configs/config.yaml`. */
import { inUnits, same, sameBut, seconds, word } from "./conversions.ts";
import { type Rule, type Source, settings, warning } from "./rule.ts";

const RULES: readonly Rule[] = [
  { from: "listen_port", convert: same("port") },
  { from: "bind_address", convert: same("host") },
  { from: "backends[].address", convert: addressToUrl },
  { from: "backends[].weight", convert: same("weight") },
  {
    from: "balancing_strategy",
    convert: word("strategy", {
      round_robin: "round_robin",
      least_conn: "least_connections",
      least_connections: "least_connections",
      weighted: "weighted_round_robin",
      weighted_round_robin: "weighted_round_robin",
    }),
  },
  { from: "health_check.interval", convert: seconds("health_check_interval_seconds") },
  { from: "health_check.timeout", convert: seconds("health_check_timeout_seconds") },
  { from: "health_check.path", convert: same("health_check_path") },
  { from: "health_check.unhealthy_threshold", convert: same("health_check_unhealthy_threshold") },
  { from: "health_check.healthy_threshold", convert: same("health_check_healthy_threshold") },
  {
    from: "retry.max_attempts",
    convert: sameBut(
      "retry_attempts",
      "another meaning: only requests that may be repeated are sent again, within retry_budget_percent",
    ),
  },
  { from: "retry.backoff_multiplier", convert: same("retry_backoff_multiplier") },
  { from: "retry.max_backoff", convert: inUnits("retry_backoff_max_ms", 0.001, "ms") },
  { from: "connections.idle_timeout", convert: seconds("pool_idle_timeout_seconds") },
  {
    from: "connections.max_idle_per_host",
    convert: sameBut("pool_max_idle_per_endpoint", "another meaning: counted in each worker (see workers)"),
  },
  {
    from: "connections.max_attempts_per_host",
    convert: sameBut(
      "max_connections_per_backend",
      "another meaning: a limit on open connections, beyond which requests go to other backends or wait (queue_timeout_seconds)",
    ),
  },
  {
    from: "logging.level",
    convert: word("log_level", {
      debug: "debug",
      info: "info",
      warn: "warn",
      warning: "warn",
      error: "error",
    }),
  },
  { from: "logging.format", convert: word("json_logging", { json: true, text: false }) },
  { from: "metrics.enabled", convert: same("metrics_enabled") },
  { from: "metrics.path", convert: same("metrics_path") },
];

export const GOBALANCE: Source = {
  rules: RULES,
  givens: [
    { setting: { key: "proxy_endpoints", value: ["/"] }, why: "GoBalance proxies every path" },
    {
      setting: { key: "strategy", value: "round_robin" },
      why: "its default",
      unless: "balancing_strategy",
    },
    { setting: { key: "health_check_type", value: "http" }, why: "GoBalance probes by HTTP" },
    { setting: { key: "metrics_namespace", value: "gobalance" }, why: "dashboards find its names again" },
  ],
};

function addressToUrl(value: unknown): ReturnType<Rule["convert"]> {
  if (typeof value !== "string" || value === "") return warning(`${JSON.stringify(value)} is no address`);
  const url = /^https?:\/\//i.test(value) ? value : `http://${value}`;
  return settings({ key: "url", value: url });
}
