/**
 * The schema of `server.yml`: the only home of a key's type, bounds, default and description.
 * Key names and meanings follow the original product; keys that it lacks keep its style.
 */
import { type Static, Type } from "@sinclair/typebox";
import { BACKEND_KEYS } from "./backend-schema.ts";
import { BALANCING_KEYS, OWN_STRATEGY, ProxyEndpointSchema } from "./balancing-schema.ts";
import { CACHE_KEYS } from "./cache-schema.ts";
import { COMPRESSION_KEYS } from "./compression-schema.ts";
import { CONSOLE_KEYS } from "./console-schema.ts";
import { bool, int, list, number, text } from "./fields.ts";
import { AUTH_KEYS } from "./key-schema.ts";
import { LOGGING_KEYS } from "./logging-schema.ts";
import { METRICS_KEYS } from "./metrics-schema.ts";
import { MIGRATION_KEYS } from "./migration-schema.ts";
import { RESILIENCE_KEYS } from "./resilience-schema.ts";
import { STICKY_KEYS } from "./sticky-schema.ts";
import { TLS_KEYS } from "./tls-schema.ts";
import { TRACING_KEYS } from "./tracing-schema.ts";
import { UPSTREAM_KEYS } from "./upstream-schema.ts";

const PORT = { minimum: 0, maximum: 65535 };
const DAY_SECONDS = 86_400;

/** Sizes of one tier; quantities in vCPU, GB (2^30 bytes) and whole GPUs. */
export const TierSchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 64,
      format: "token",
      expected: "1 to 64 letters, digits or . _ : @ + ~ -",
      description: "Name that requests ask for.",
    }),
    vcpu: int(1, { minimum: 0, maximum: 4096 }, "Cores that must be free."),
    memory_gb: number(0, { minimum: 0, maximum: 1e6 }, "Memory that must be available, in GB."),
    storage_gb: number(0, { minimum: 0, maximum: 1e9 }, "Disk space that must be available, in GB."),
    gpu: int(0, { minimum: 0, maximum: 32 }, "GPUs that must be free."),
    gpu_memory_gb: number(
      0,
      { minimum: 0, maximum: 1e5 },
      "Free VRAM that each of these GPUs must have, in GB.",
    ),
    reservation: Type.Optional(
      Type.Union([Type.Literal("request"), Type.Literal("timeout")], {
        description: "Overrides the global `reservation` for this tier.",
      }),
    ),
    strategy: OWN_STRATEGY,
  },
  { additionalProperties: false },
);

export const ScoreWeightsSchema = Type.Object(
  {
    distance: number(1, { minimum: 0, maximum: 1e6 }, "Weight of each kilometre."),
    cpu: number(1, { minimum: 0, maximum: 1e6 }, "Weight of each percent of CPU use."),
    memory: number(1, { minimum: 0, maximum: 1e6 }, "Weight of each percent of memory use."),
    gpu: number(1.5, { minimum: 0, maximum: 1e6 }, "Weight of each percent of GPU use."),
    latency: number(1, { minimum: 0, maximum: 1e6 }, "Weight of each millisecond of probe latency."),
  },
  {
    additionalProperties: false,
    default: {},
    description: "Weights of the terms of the score (lower score wins).",
  },
);

export const ServerConfigSchema = Type.Object(
  {
    port: int(8080, PORT, "Port to listen on; 0 picks a free one."),
    host: text("0.0.0.0", "Address to listen on.", { format: "host", required: true }),
    admin_host: text("127.0.0.1", "Address of the management listener when `admin_port` is set.", {
      format: "host",
      required: true,
    }),
    admin_port: int(
      0,
      PORT,
      "Port for management alone, which then leaves the public port; 0 = management is on `port`.",
    ),
    workers: Type.Union([Type.Literal("auto"), Type.Integer({ minimum: 1, maximum: 256 })], {
      default: "auto",
      description: "Data-plane threads; `auto` = one per CPU core that the process may use.",
    }),
    watch_config: bool(
      true,
      "Take the configuration file up again when it changes, as at SIGHUP. A file with errors changes nothing.",
    ),
    database: text("opsen.db", "Path of the SQLite database.", { format: "path", required: true }),
    database_recovery: Type.Union([Type.Literal("refuse"), Type.Literal("start_empty")], {
      default: "refuse",
      description:
        "What to do at the start with a database that cannot be used: stop with the reason, or start all the same. Then a damaged file is set aside, and without a writable one nothing is kept.",
    }),
    stale_minutes: int(
      5,
      { minimum: 1, maximum: 1440 },
      "A backend without a report for longer gets no requests.",
    ),
    cleanup_interval_seconds: int(
      60,
      { minimum: 1, maximum: DAY_SECONDS },
      "Period of the sweep that forgets dead backends.",
    ),
    stats_retention_hours: int(
      24,
      { minimum: 1, maximum: 8760 },
      "How long past reports are kept in the database.",
    ),
    ...BACKEND_KEYS,
    max_backends: int(1024, { minimum: 1, maximum: 65_536 }, "Backends that may be registered at one time."),

    log_level: Type.Union(
      ["debug", "info", "warn", "warning", "error", "fatal"].map((level) => Type.Literal(level)),
      { default: "info", description: "Least severe level that is written." },
    ),
    json_logging: bool(false, "Write each line as a JSON object."),
    ...LOGGING_KEYS,
    ...TRACING_KEYS,

    ...AUTH_KEYS,
    whitelisted_ips: list(
      Type.String({ format: "cidr" }),
      "Addresses or CIDR ranges that may use management; empty = all.",
    ),
    whitelist_proxy: bool(false, "Apply `whitelisted_ips` to proxied requests too."),
    trusted_proxies: list(
      Type.String({ format: "cidr" }),
      "Peers whose `X-Forwarded-*` and `X-Real-IP` headers are believed.",
    ),
    allowed_endpoint_cidrs: list(
      Type.String({ format: "cidr" }),
      "Where backends may live; empty = anywhere that is not denied. An entry overrides the built-in deny list.",
    ),
    denied_endpoint_cidrs: list(
      Type.String({ format: "cidr" }),
      "Where backends may not live, beside link-local and metadata addresses.",
    ),
    rate_limit_per_minute: int(
      60,
      { minimum: 0, maximum: 1e9 },
      "Management requests a minute and client address; 0 = no limit.",
    ),
    rate_limit_burst: int(120, { minimum: 1, maximum: 1e9 }, "Management requests that may come at once."),
    proxy_rate_limit_per_minute: int(
      0,
      { minimum: 0, maximum: 1e9 },
      "Proxied requests a minute and client address; 0 = no limit.",
    ),
    proxy_rate_limit_burst: int(120, { minimum: 1, maximum: 1e9 }, "Proxied requests that may come at once."),
    max_rate_limit_entries: int(
      65_536,
      { minimum: 64, maximum: 16_777_216 },
      "Client addresses remembered for rate limits.",
    ),
    max_request_body_bytes: int(
      10_485_760,
      { minimum: 1, maximum: 2 ** 40 },
      "Largest body of a management request, in bytes.",
    ),
    proxy_max_request_body_bytes: int(
      10_485_760,
      { minimum: 0, maximum: 2 ** 50 },
      "Largest body of a proxied request, in bytes; 0 = no limit.",
    ),
    max_header_bytes: int(
      65_536,
      { minimum: 1024, maximum: 1_048_576 },
      "Largest request or response head, in bytes.",
    ),
    max_headers: int(256, { minimum: 16, maximum: 4096 }, "Most header lines of a request or response."),
    request_timeout_seconds: int(
      30,
      { minimum: 1, maximum: DAY_SECONDS },
      "Longest wait for the head of a backend's answer, from the end of the request on; also for a backend that has room and can be connected to.",
    ),
    read_header_timeout_seconds: int(
      10,
      { minimum: 1, maximum: 3600 },
      "Longest time for a request's head to arrive.",
    ),
    idle_timeout_seconds: int(
      120,
      { minimum: 1, maximum: DAY_SECONDS },
      "How long an idle keep-alive connection is held.",
    ),
    stream_idle_timeout_seconds: int(
      300,
      { minimum: 1, maximum: 7 * DAY_SECONDS },
      "Longest silence of a body that is being transferred, of an event stream and of a WebSocket.",
    ),
    shutdown_timeout_seconds: int(
      30,
      { minimum: 0, maximum: 3600 },
      "How long requests in flight may take to finish at shutdown.",
    ),
    disable_security_headers: bool(false, "Leave `X-Frame-Options` and its like off management answers."),
    ...TLS_KEYS,
    enable_cors: bool(false, "Answer cross-origin requests to management."),
    cors_allowed_origins: list(Type.String({ format: "origin" }), "Origins that may call, exact or `*`."),

    proxy_endpoints: list(
      Type.Union([Type.String({ format: "path-prefix" }), ProxyEndpointSchema]),
      "Path prefixes that are proxied, such as `/api`; `/`, `*` or `/*` = all paths. An object gives one a strategy of its own; the longest prefix counts. Unless all paths are proxied, one with a segment `.` or `..` is refused.",
    ),
    proxy_sse_flush_interval_ms: int(
      -1,
      { minimum: -1, maximum: 60_000 },
      "When streamed bytes go out: -1 and 0 = as they arrive, above 0 = gathered for as long.",
    ),
    preserve_host: bool(false, "Send backends the `Host` of the client instead of their own."),
    forwarded_header: bool(false, "Write `Forwarded` (RFC 7239) beside the `X-Forwarded-*` fields."),
    ...UPSTREAM_KEYS,
    ...COMPRESSION_KEYS,
    ...CONSOLE_KEYS,

    geoip_db_path: text("", "MaxMind database (City) to locate end users.", { format: "path" }),
    ...STICKY_KEYS,
    reservation: Type.Union([Type.Literal("request"), Type.Literal("timeout")], {
      default: "request",
      description:
        "Until when a proxied request holds its capacity: `request` = until its answer ends, `timeout` = for `pending_allocation_timeout_seconds`.",
    }),
    pending_allocation_timeout_seconds: int(
      120,
      { minimum: 1, maximum: DAY_SECONDS },
      "How long a reservation of `/route` lasts.",
    ),
    max_leases: int(
      65_536,
      { minimum: 64, maximum: 16_777_216 },
      "Reservations that may be held at one time.",
    ),
    cpu_available_threshold_pct: number(
      80,
      { minimum: 1, maximum: 100 },
      "A core below this use counts as free.",
    ),
    gpu_available_threshold_pct: number(
      80,
      { minimum: 1, maximum: 100 },
      "A GPU below this use counts as free.",
    ),
    score_weights: ScoreWeightsSchema,
    ...MIGRATION_KEYS,
    tier_field_name: text("tier", "Name of the JSON body field and query parameter that name the tier.", {
      required: true,
    }),
    tier_header: text("X-Tier", "Header that names the tier.", { format: "header-name", required: true }),
    tier_body_bytes: int(
      65_536,
      { minimum: 0, maximum: 1_048_576 },
      "How much of a JSON body is searched for the tier; 0 = none.",
    ),
    default_tier: text(
      "",
      "Tier of requests that name none; empty = `lite` if defined, else the first tier.",
    ),
    tiers: Type.Array(TierSchema, {
      default: [],
      maxItems: 256,
      description: "Tiers; an empty list means the built-in ones.",
    }),

    ...BALANCING_KEYS,
    ...RESILIENCE_KEYS,
    ...METRICS_KEYS,
    ...CACHE_KEYS,

    db_max_open_conns: int(
      25,
      { minimum: 1, maximum: 1024 },
      "Accepted for compatibility: the database has one writer, off the request path.",
    ),
    db_max_idle_conns: int(
      5,
      { minimum: 0, maximum: 1024 },
      "Accepted for compatibility, see `db_max_open_conns`.",
    ),
    db_conn_max_lifetime: int(
      300,
      { minimum: 0, maximum: 7 * DAY_SECONDS },
      "Accepted for compatibility, see `db_max_open_conns`.",
    ),

    health_check_enabled: bool(true, "Probe backends."),
    health_check_type: Type.Union([Type.Literal("tcp"), Type.Literal("http")], {
      default: "tcp",
      description: "`tcp` = a connection is accepted, `http` = GET answers 2xx or 3xx.",
    }),
    health_check_interval_seconds: int(10, { minimum: 1, maximum: 3600 }, "Period of probes."),
    health_check_timeout_seconds: int(
      2,
      { minimum: 1, maximum: 300 },
      "A probe that takes longer has failed.",
    ),
    health_check_path: text("/health", "Path of HTTP probes, after the endpoint's own.", {
      format: "url-path",
      required: true,
    }),
    health_check_unhealthy_threshold: int(
      3,
      { minimum: 1, maximum: 100 },
      "Failures in a row until a backend is unhealthy.",
    ),
    health_check_healthy_threshold: int(
      2,
      { minimum: 1, maximum: 100 },
      "Successes in a row until a backend is healthy.",
    ),
  },
  { additionalProperties: false },
);

/** A validated server configuration, every key present. */
export type ServerConfig = Readonly<Static<typeof ServerConfigSchema>>;
export type TierConfig = Readonly<Static<typeof TierSchema>>;
export type ScoreWeights = Readonly<Static<typeof ScoreWeightsSchema>>;

/** Tiers used when the file lists none: the original's five and the five of its manual. */
export const DEFAULT_TIERS: readonly TierConfig[] = [
  tier("free", 1, 1, 0),
  tier("lite", 1, 1, 5),
  tier("pro-standard", 2, 4, 20),
  tier("pro-turbo", 4, 8, 30),
  tier("pro-max", 8, 16, 40),
  tier("small", 1, 1, 5),
  tier("medium", 2, 4, 20),
  tier("large", 4, 8, 30),
  tier("gpu-inference", 8, 32, 100, 1, 16),
  tier("gpu-training", 16, 64, 500, 2, 48),
];

function tier(
  name: string,
  vcpu: number,
  memory: number,
  storage: number,
  gpu = 0,
  gpuMemory = 0,
): TierConfig {
  return { name, vcpu, memory_gb: memory, storage_gb: storage, gpu, gpu_memory_gb: gpuMemory };
}
