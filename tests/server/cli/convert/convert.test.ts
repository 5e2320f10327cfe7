/** What becomes of each key of the other products' sample configurations. */
import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { convertText } from "../../../../server/cli/convert/convert.ts";
import { record } from "../../../support/json.ts";
import { GOBALANCE_SAMPLE, OPSEN_CLIENT_SAMPLE, OPSEN_SERVER_SAMPLE, QUANTUMFLOW_SAMPLE } from "./samples.ts";

type Product = Parameters<typeof convertText>[0];

function convert(
  product: Product,
  text: string,
): { ours: Record<string, unknown>; warnings: Record<string, string> } {
  const { yaml, warnings } = convertText(product, text, "their.yml");
  return {
    ours: record(parse(yaml)),
    warnings: Object.fromEntries(warnings.map((each) => [each.from, each.text])),
  };
}

describe("quantumflow", () => {
  test("every key of the sample", () => {
    const { ours, warnings } = convert("quantumflow", QUANTUMFLOW_SAMPLE);
    expect(ours).toEqual({
      proxy_endpoints: ["/"],
      admin_port: 8081,
      port: 8080,
      strategy: "least_connections",
      ip_hash_header: "X-Forwarded-For",
      ip_hash_fallback_header: "X-Real-IP",
      weight_by_capacity: true,
      pool_max_idle: 100,
      pool_max_idle_per_endpoint: 10,
      max_connections_per_backend: 100,
      pool_idle_timeout_seconds: 90,
      pool_max_lifetime_seconds: 3600,
      upstream_tcp_keepalive_seconds: 30,
      connect_timeout_seconds: 5,
      upstream_tls_handshake_timeout_seconds: 10,
      expect_continue_timeout_seconds: 1,
      request_timeout_seconds: 10,
      upstream_keepalive: true,
      upstream_disable_compression: false,
      cache_enabled: true,
      cache_ttl_seconds: 300,
      cache_max_entries: 1000,
      cache_key_headers: ["Accept", "Accept-Language"],
      cache_exclude_paths: ["/api/dynamic", "/admin"],
      breaker_enabled: true,
      breaker_failures: 5,
      breaker_successes: 2,
      breaker_open_seconds: 30,
      breaker_half_open_timeout_seconds: 5,
      metrics_enabled: true,
      metrics_port: 9090,
      metrics_host: "0.0.0.0",
      metrics_path: "/metrics",
      metrics_collect_interval_seconds: 15,
      metrics_retention_hours: 24,
      metrics_labels: { environment: "production", region: "us-east-1" },
      metrics_namespace: "loadbalancer",
      metrics_subsystem: "http",
      log_level: "info",
      log_file: "logs/loadbalancer.log",
      log_max_size_mb: 100,
      log_max_backups: 3,
      log_max_age_days: 28,
      log_compress: true,
      json_logging: true,
      backends: [
        { url: "http://backend1:8080", weight: 10, max_connections: 100 },
        { url: "http://backend2:8080", weight: 5, max_connections: 50 },
      ],
    });
    expect(Object.keys(warnings).toSorted()).toEqual([
      "metrics.port",
      "server.cache.ttl",
      "server.circuit_breaker.failure_threshold",
      "server.circuit_breaker.half_open_timeout",
      "server.circuit_breaker.reset_timeout",
      "server.connection_pool.dial_timeout",
      "server.connection_pool.max_idle_conns_per_host",
      "server.load_balancing.ip_hash.fallback_header",
      "server.load_balancing.ip_hash.header",
      "server.worker_count",
    ]);
  });

  test("each key says where it comes from", () => {
    const { yaml } = convertText("quantumflow", QUANTUMFLOW_SAMPLE, "config.yml");
    expect(yaml).toStartWith("# server.yml, converted from config.yml (quantumflow).");
    expect(yaml).toContain("\nstrategy: least_connections # server.load_balancing.strategy\n");
    expect(yaml).toContain("\n# server.cache.headers\ncache_key_headers:\n");
    expect(yaml).toContain("    weight: 5 # backends[1].weight\n");
    const bare = yaml.split("\n").filter((line) => /^ *(?:- )?\w+: \S/.test(line) && !line.includes(" # "));
    // Labels are one value, with one comment above it.
    expect(bare).toEqual(["  environment: production", "  region: us-east-1"]);
  });

  test("switches that are off", () => {
    const { ours, warnings } = convert(
      "quantumflow",
      [
        "server: {connection_pool: {enabled: false, disable_keep_alives: false}, cache: {enabled: false}}",
        "metrics: {auth: {enabled: true, bearer_token: abc}, prometheus: {path: /other}, path: /metrics}",
        "logging: {enabled: false, level: debug, format: text}",
      ].join("\n"),
    );
    expect(ours).toMatchObject({
      strategy: "round_robin",
      upstream_keepalive: false,
      cache_enabled: false,
      metrics_bearer_token: "abc",
      metrics_path: "/metrics",
      log_level: "fatal",
      json_logging: false,
    });
    expect(Object.keys(warnings).toSorted()).toEqual([
      "logging.enabled",
      "metrics.prometheus.path",
      "server.connection_pool.enabled",
    ]);
  });

  test("what cannot be taken over is said", () => {
    const { ours, warnings } = convert(
      "quantumflow",
      [
        "server:",
        "  port: 127.0.0.1:9000",
        "  load_balancing: {strategy: fastest}",
        "  connection_pool: {dial_timeout: soon, max_idle_conns_per_host: -4, idle_conn_timeout: 1500ms}",
        "  circut_breaker: {enabled: true}",
        "metrics: {port: 'localhost:9090', auth: {enabled: true}}",
      ].join("\n"),
    );
    expect(ours).toMatchObject({
      port: 9000,
      host: "127.0.0.1",
      metrics_port: 9090,
      metrics_host: "localhost",
      pool_idle_timeout_seconds: 2,
    });
    for (const key of ["strategy", "connect_timeout_seconds", "pool_max_idle_per_endpoint"]) {
      expect(ours).not.toHaveProperty(key);
    }
    expect(warnings["server.load_balancing.strategy"]).toContain("none of round_robin");
    expect(warnings["server.connection_pool.dial_timeout"]).toContain("no duration");
    expect(warnings["server.connection_pool.max_idle_conns_per_host"]).toContain("left out");
    expect(warnings["server.connection_pool.idle_conn_timeout"]).toContain("rounded up from 1.5 to 2");
    expect(warnings["server.circut_breaker"]).toContain("unknown key");
  });
});

describe("gobalance", () => {
  test("every key of the sample", () => {
    const { ours, warnings } = convert("gobalance", GOBALANCE_SAMPLE);
    expect(ours).toEqual({
      proxy_endpoints: ["/"],
      health_check_type: "http",
      metrics_namespace: "gobalance",
      port: 8080,
      host: "0.0.0.0",
      strategy: "round_robin",
      health_check_interval_seconds: 10,
      health_check_timeout_seconds: 5,
      health_check_path: "/health",
      health_check_unhealthy_threshold: 3,
      health_check_healthy_threshold: 2,
      retry_attempts: 3,
      retry_backoff_multiplier: 1.5,
      retry_backoff_max_ms: 5000,
      pool_idle_timeout_seconds: 90,
      pool_max_idle_per_endpoint: 10,
      max_connections_per_backend: 3,
      log_level: "info",
      json_logging: true,
      metrics_enabled: true,
      metrics_path: "/metrics",
      backends: [
        { url: "http://backend1:8081", weight: 1 },
        { url: "http://backend2:8082", weight: 1 },
      ],
    });
    expect(Object.keys(warnings).toSorted()).toEqual([
      "connections.max_attempts_per_host",
      "connections.max_idle_per_host",
      "retry.max_attempts",
    ]);
  });

  test.each([
    ["round_robin", "round_robin"],
    ["least_conn", "least_connections"],
    ["weighted", "weighted_round_robin"],
  ])("the strategy %s", (theirs, ours) => {
    expect(convert("gobalance", `balancing_strategy: ${theirs}`).ours.strategy).toBe(ours);
  });

  test("without a strategy theirs is round robin", () => {
    expect(convert("gobalance", "listen_port: 80").ours).toMatchObject({ port: 80, strategy: "round_robin" });
  });
});

describe("opsen", () => {
  test("every key of the server's sample stays", () => {
    const { ours, warnings } = convert("opsen", OPSEN_SERVER_SAMPLE);
    expect(ours).toEqual(record(parse(OPSEN_SERVER_SAMPLE)));
    expect(Object.keys(warnings).toSorted()).toEqual([
      "database",
      "db_conn_max_lifetime",
      "db_max_idle_conns",
      "db_max_open_conns",
      "pending_allocation_timeout_seconds",
      "request_timeout_seconds",
    ]);
  });

  test("every key of the agent's sample stays", () => {
    const { kind } = convertText("opsen", OPSEN_CLIENT_SAMPLE, "client.yml");
    const { ours, warnings } = convert("opsen", OPSEN_CLIENT_SAMPLE);
    expect(kind).toBe("client");
    const { geoip_db_path: _, ...rest } = record(parse(OPSEN_CLIENT_SAMPLE));
    expect(ours).toEqual(rest);
    expect(Object.keys(warnings)).toEqual(["geoip_db_path"]);
  });

  test("what it took and ours does not is left out and said", () => {
    const text =
      "tls_cert_file: cert.pem\nrate_limit_burst: 0\nwhitelisted_ips: [10.0.0.0/8]\nlog_level: loud\n";
    const { ours, warnings } = convert("opsen", text);
    expect(ours).toEqual({ whitelisted_ips: ["10.0.0.0/8"] });
    expect(Object.keys(warnings).toSorted()).toEqual([
      "log_level",
      "rate_limit_burst",
      "tls_cert_file",
      "whitelisted_ips",
    ]);
  });
});

test("what is no YAML, or no map, ends the command", () => {
  expect(() => convertText("opsen", "a: [", "x.yml")).toThrow("x.yml:1:");
  expect(() => convertText("opsen", "- a", "x.yml")).toThrow("must hold keys");
  expect(convertText("opsen", "", "x.yml").faults).toEqual([]);
});
