/** QuantumFlow's `config.yml`. */
import {
  dropped,
  inUnits,
  listenAddress,
  negated,
  readElsewhere,
  same,
  sameBut,
  seconds,
  whenOff,
  word,
} from "./conversions.ts";
import { type Conversion, NOTHING, type Rule, type Source, settings, warning } from "./rule.ts";

const STRATEGIES = {
  round_robin: "round_robin",
  weighted_round_robin: "weighted_round_robin",
  ip_hash: "ip_hash",
  least_connections: "least_connections",
};

const SERVER: readonly Rule[] = [
  { from: "server.port", convert: listenAddress("port", "host") },
  {
    from: "server.worker_count",
    convert: dropped(
      "no equal: a number of goroutines; our workers are threads, one per core (see workers, max_client_connections)",
    ),
  },
  { from: "server.load_balancing.strategy", convert: word("strategy", STRATEGIES) },
  { from: "server.load_balancing.ip_hash.enabled", convert: enabledFor("ip_hash") },
  { from: "server.load_balancing.ip_hash.header", convert: ipHashHeader("ip_hash_header") },
  { from: "server.load_balancing.ip_hash.fallback_header", convert: ipHashHeader("ip_hash_fallback_header") },
  { from: "server.load_balancing.weighted_round_robin.enabled", convert: enabledFor("weighted_round_robin") },
  {
    from: "server.load_balancing.weighted_round_robin.weight_by_capacity",
    convert: same("weight_by_capacity"),
  },
];

const POOL: readonly Rule[] = [
  {
    from: "server.connection_pool.enabled",
    convert: whenOff("upstream_keepalive", false, "without a pool every request has a connection of its own"),
  },
  { from: "server.connection_pool.max_idle_conns", convert: same("pool_max_idle") },
  {
    from: "server.connection_pool.max_idle_conns_per_host",
    convert: sameBut("pool_max_idle_per_endpoint", "another meaning: counted in each worker (see workers)"),
  },
  { from: "server.connection_pool.max_conns_per_host", convert: same("max_connections_per_backend") },
  { from: "server.connection_pool.idle_conn_timeout", convert: seconds("pool_idle_timeout_seconds") },
  { from: "server.connection_pool.max_lifetime", convert: seconds("pool_max_lifetime_seconds") },
  { from: "server.connection_pool.keep_alive", convert: seconds("upstream_tcp_keepalive_seconds") },
  {
    from: "server.connection_pool.dial_timeout",
    convert: seconds(
      "connect_timeout_seconds",
      "another meaning: ours bounds the name's look-up and TLS too",
    ),
  },
  {
    from: "server.connection_pool.tls_handshake_timeout",
    convert: seconds("upstream_tls_handshake_timeout_seconds"),
  },
  {
    from: "server.connection_pool.expect_continue_timeout",
    convert: seconds("expect_continue_timeout_seconds"),
  },
  { from: "server.connection_pool.response_header_timeout", convert: seconds("request_timeout_seconds") },
  {
    from: "server.connection_pool.disable_keep_alives",
    convert: (value, look) =>
      // Off already, and said so, where there is no pool at all.
      look("server.connection_pool.enabled") === false ? NOTHING : negated("upstream_keepalive")(value, look),
  },
  { from: "server.connection_pool.disable_compression", convert: same("upstream_disable_compression") },
];

const CACHE: readonly Rule[] = [
  { from: "server.cache.enabled", convert: same("cache_enabled") },
  {
    from: "server.cache.ttl",
    convert: seconds(
      "cache_ttl_seconds",
      "another meaning: for answers that say nothing of it themselves; Cache-Control and Vary are kept to",
    ),
  },
  { from: "server.cache.max_size", convert: same("cache_max_entries") },
  { from: "server.cache.headers", convert: same("cache_key_headers") },
  { from: "server.cache.exclude_paths", convert: same("cache_exclude_paths") },
];

const BREAKER: readonly Rule[] = [
  { from: "server.circuit_breaker.enabled", convert: same("breaker_enabled") },
  {
    from: "server.circuit_breaker.failure_threshold",
    convert: sameBut(
      "breaker_failures",
      "another meaning: failures in a row of one endpoint; breaker_failure_percent and breaker_connect_failures open it too",
    ),
  },
  { from: "server.circuit_breaker.success_threshold", convert: same("breaker_successes") },
  {
    from: "server.circuit_breaker.reset_timeout",
    convert: seconds(
      "breaker_open_seconds",
      "another meaning: the first time only; it grows with each time in a row, up to breaker_max_open_seconds",
    ),
  },
  {
    from: "server.circuit_breaker.half_open_timeout",
    convert: seconds(
      "breaker_half_open_timeout_seconds",
      "another meaning: how long a try of an endpoint keeps other requests away; then the next one tries",
    ),
  },
];

const METRICS: readonly Rule[] = [
  { from: "metrics.enabled", convert: same("metrics_enabled") },
  { from: "metrics.port", convert: metricsAddress },
  { from: "metrics.path", convert: same("metrics_path") },
  { from: "metrics.auth.enabled", convert: readElsewhere },
  { from: "metrics.auth.bearer_token", convert: bearerToken },
  { from: "metrics.collect_interval", convert: seconds("metrics_collect_interval_seconds") },
  { from: "metrics.retention_period", convert: inUnits("metrics_retention_hours", 3600, "hours") },
  { from: "metrics.labels", convert: same("metrics_labels") },
  {
    from: "metrics.prometheus.enabled",
    convert: whenOff(
      "metrics_enabled",
      false,
      "another meaning: the text format of Prometheus is our only one",
    ),
  },
  { from: "metrics.prometheus.namespace", convert: same("metrics_namespace") },
  { from: "metrics.prometheus.subsystem", convert: same("metrics_subsystem") },
  { from: "metrics.prometheus.path", convert: prometheusPath },
];

const BACKENDS: readonly Rule[] = [
  { from: "backends[].url", convert: same("url") },
  { from: "backends[].weight", convert: same("weight") },
  { from: "backends[].max_connections", convert: same("max_connections") },
];

const LOGGING: readonly Rule[] = [
  {
    from: "logging.enabled",
    convert: whenOff(
      "log_level",
      "fatal",
      "no equal: our log cannot be switched off; only what ends the server is written",
    ),
  },
  {
    from: "logging.level",
    convert: (value, look) =>
      look("logging.enabled") === false
        ? NOTHING
        : word("log_level", {
            debug: "debug",
            info: "info",
            warn: "warn",
            warning: "warn",
            error: "error",
            fatal: "fatal",
          })(value, look),
  },
  { from: "logging.file", convert: same("log_file") },
  { from: "logging.max_size", convert: same("log_max_size_mb") },
  { from: "logging.max_backups", convert: same("log_max_backups") },
  { from: "logging.max_age", convert: same("log_max_age_days") },
  { from: "logging.compress", convert: same("log_compress") },
  { from: "logging.format", convert: word("json_logging", { json: true, text: false }) },
];

export const QUANTUMFLOW: Source = {
  rules: [...SERVER, ...POOL, ...CACHE, ...BREAKER, ...METRICS, ...BACKENDS, ...LOGGING],
  givens: [
    { setting: { key: "proxy_endpoints", value: ["/"] }, why: "QuantumFlow proxies every path" },
    {
      setting: { key: "strategy", value: "round_robin" },
      why: "its default",
      unless: "server.load_balancing.strategy",
    },
    { setting: { key: "admin_port", value: 8081 }, why: "its management has this port of its own" },
  ],
};

/** Their switches say what may be used; what is used is said by `strategy` alone, as here. */
function enabledFor(strategy: string): Conversion {
  return (value, look) => {
    const isChosen = look("server.load_balancing.strategy") === strategy;
    if (value === false && isChosen)
      return warning(`the strategy is ${strategy} all the same: strategy alone decides`);
    return NOTHING;
  };
}

function ipHashHeader(key: string): Conversion {
  return (value) => ({
    settings: [{ key, value }],
    warnings: [
      "another meaning: believed from trusted_proxies only, else any client could choose its backend",
    ],
  });
}

/** Theirs listens on every address unless one is named, ours on loopback. */
function metricsAddress(value: unknown, look: (path: string) => unknown): ReturnType<Conversion> {
  const made = listenAddress("metrics_port", "metrics_host")(value, look);
  const isOpen = made.settings.length === 1;
  if (!isOpen) return made;
  return {
    settings: [...made.settings, { key: "metrics_host", value: "0.0.0.0" }],
    warnings: [
      "another meaning: without metrics_bearer_token it asks for a management key, or answers this host alone",
    ],
  };
}

/** A token counts only while their authentication is on. */
function bearerToken(value: unknown, look: (path: string) => unknown): ReturnType<Conversion> {
  const isOn = look("metrics.auth.enabled") === true;
  const isGiven = typeof value === "string" && value !== "";
  if (isOn && isGiven) return settings({ key: "metrics_bearer_token", value });
  if (isOn) return warning("metrics.auth is on without a token: set metrics_bearer_token");
  return isGiven ? warning("left out, because metrics.auth is off") : NOTHING;
}

function prometheusPath(value: unknown, look: (path: string) => unknown): ReturnType<Conversion> {
  const other = look("metrics.path");
  if (other === undefined) return settings({ key: "metrics_path", value });
  return other === value
    ? NOTHING
    : warning(`no equal: there is one path for metrics, ${JSON.stringify(other)}`);
}
