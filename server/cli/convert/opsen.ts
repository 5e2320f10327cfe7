/** The original Opsen's `server.yml` and `client.yml`: most keys are ours, some mean something else. */
import { dropped, same, sameBut } from "./conversions.ts";
import { type Conversion, NOTHING, type Rule, type Source, warning } from "./rule.ts";

const SERVER_SAME = [
  "port",
  "host",
  "stale_minutes",
  "cleanup_interval_seconds",
  "log_level",
  "json_logging",
  "server_key",
  "api_keys",
  "rate_limit_per_minute",
  "rate_limit_burst",
  "max_request_body_bytes",
  "idle_timeout_seconds",
  "read_header_timeout_seconds",
  "shutdown_timeout_seconds",
  "disable_security_headers",
  "tls_insecure_skip_verify",
  "enable_cors",
  "cors_allowed_origins",
  "proxy_endpoints",
  "geoip_db_path",
  "sticky_header",
  "sticky_by_ip",
  "sticky_affinity_enabled",
  "tier_field_name",
  "tier_header",
  "tiers",
  "health_check_enabled",
  "health_check_type",
  "health_check_interval_seconds",
  "health_check_timeout_seconds",
  "health_check_path",
  "health_check_unhealthy_threshold",
  "health_check_healthy_threshold",
];

const NO_EFFECT = "no effect here: the database has one writer, off the way of requests";

const SERVER_OTHER: readonly Rule[] = [
  {
    from: "database",
    convert: sameBut(
      "database",
      "agents register again, so begin with a new file rather than the original's",
    ),
  },
  {
    from: "whitelisted_ips",
    convert: (value) =>
      Array.isArray(value) && value.length > 0
        ? sameBut("whitelisted_ips", "another meaning: CIDR ranges count here; the original compared texts")(
            value,
            () => null,
          )
        : same("whitelisted_ips")(value, () => null),
  },
  {
    from: "request_timeout_seconds",
    convert: sameBut(
      "request_timeout_seconds",
      "another meaning: until the first byte of an answer; total_timeout_seconds bounds all of it",
    ),
  },
  {
    from: "pending_allocation_timeout_seconds",
    convert: sameBut(
      "pending_allocation_timeout_seconds",
      "another meaning: a proxied request gives its capacity back when its answer ends, unless `reservation: timeout`",
    ),
  },
  {
    from: "proxy_sse_flush_interval_ms",
    convert: (value) =>
      value === 0
        ? sameBut("proxy_sse_flush_interval_ms", "another meaning: 0 = as the bytes arrive, like -1")(
            value,
            () => null,
          )
        : same("proxy_sse_flush_interval_ms")(value, () => null),
  },
  { from: "tls_cert_file", convert: pairOf("tls_cert_file", "tls_key_file") },
  { from: "tls_key_file", convert: pairOf("tls_key_file", "tls_cert_file") },
  { from: "db_max_open_conns", convert: sameBut("db_max_open_conns", NO_EFFECT) },
  { from: "db_max_idle_conns", convert: sameBut("db_max_idle_conns", NO_EFFECT) },
  { from: "db_conn_max_lifetime", convert: sameBut("db_conn_max_lifetime", NO_EFFECT) },
];

const CLIENT_SAME = [
  "server_url",
  "server_key",
  "client_id",
  "hostname",
  "endpoint_url",
  "endpoints",
  "window_minutes",
  "report_interval_seconds",
  "disk_path",
  "skip_geolocation",
  "insecure_tls",
  "log_level",
];

const CLIENT_OTHER: readonly Rule[] = [
  {
    from: "geoip_db_path",
    convert: (value) =>
      value === ""
        ? warning("another meaning when empty: nothing is downloaded unless geoip_url says from where")
        : same("geoip_db_path")(value, () => null),
  },
  ...["max_registration_retries", "registration_retry_delay_seconds"].map((from) => ({
    from,
    convert: dropped("no equal: the agent registers again for ever, with growing pauses"),
  })),
  ...["circuit_breaker_threshold", "circuit_breaker_timeout_seconds"].map((from) => ({
    from,
    convert: dropped("no equal: the agent's breaker needs no setting"),
  })),
];

export const OPSEN_SERVER: Source = { rules: [...unchanged(SERVER_SAME), ...SERVER_OTHER], givens: [] };
export const OPSEN_CLIENT: Source = { rules: [...unchanged(CLIENT_SAME), ...CLIENT_OTHER], givens: [] };

function unchanged(keys: readonly string[]): Rule[] {
  return keys.map((key) => ({ from: key, convert: same(key) }));
}

/** With one of the two files the original speaks plain HTTP without a word; here it is an error. */
function pairOf(key: string, other: string): Conversion {
  return (value, look) => {
    const isSet = typeof value === "string" && value !== "";
    const isOtherSet = typeof look(other) === "string" && look(other) !== "";
    if (isSet && !isOtherSet) return warning(`left out: without ${other} the original spoke plain HTTP`);
    return isSet || !isOtherSet ? same(key)(value, look) : NOTHING;
  };
}
