import { hashesRequests, proxiedPaths, strategyByPath } from "../../core/balancing/path-strategies.ts";
import type { StrategyName } from "../../core/balancing/strategies/names.ts";
import type { ServerConfig } from "../../core/config/schema/server-schema.ts";
import { CidrSet } from "../../core/http/cidr.ts";
import { coversAllPaths, pathPrefixes } from "../../core/http/path-match.ts";
import type { HeadLimits } from "../../core/http/request-head.ts";
import type { BackoffRule } from "../../core/resilience/retry.ts";
import type { DeadlineOptions } from "./exchange/deadlines.ts";
import { type MessageLogOptions, messageLogOptions } from "./exchange/message-log.ts";
import type { PoolLimits } from "./net/wiring.ts";

const SECOND_MS = 1000;
/** RFC 9112 section 3 asks for at least 8000. Below the limit of the head, so that 414 and 431 stay apart. */
const MAX_TARGET_BYTES = 16_384;

/** The configuration in the data plane's units, derived once. */
export interface ProxyOptions {
  readonly head: HeadLimits;
  readonly pool: PoolLimits;
  readonly http2MaxStreams: number;
  readonly handshakeTimeoutMs: number;
  /** Connections of one client address; 0 = any number. */
  readonly maxPerAddress: number;
  readonly requestTimeoutMs: number;
  /** How long a client that asked for leave to send its body waits for the backend's; 0 = as long as it likes. */
  readonly expectTimeoutMs: number;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly streamIdleMs: number;
  readonly gatherMs: number;
  readonly managementBodyBytes: number;
  readonly proxyBodyBytes: number;
  readonly tierBodyBytes: number;
  readonly tierField: string;
  readonly tierHeader: string;
  readonly jsonFields: readonly string[];
  /** Path of the metrics. */
  readonly metricsPath: string;
  readonly isProxied: (path: string) => boolean;
  /** Only some paths are proxied, so that none may lead out of them. */
  readonly confinesPaths: boolean;
  /** The strategy that the configuration gives a path; null when it gives none to any. */
  readonly strategyOf: ((path: string) => StrategyName | null) | null;
  /** Some requests go by the hash of a header or of the client's address. */
  readonly hashes: boolean;
  /** Lower-case, "" for none. */
  readonly hashHeaders: readonly [string, string];
  readonly hasConsole: boolean;
  /** Write Forwarded beside the X-Forwarded fields. */
  readonly forwardedHeader: boolean;
  readonly trustedProxies: CidrSet;
  readonly whitelist: CidrSet;
  readonly whitelistProxy: boolean;
  readonly limitsProxyRate: boolean;
  /** Lower-case, "" for none. */
  readonly stickyHeader: string;
  readonly stickyByIp: boolean;
  readonly leaseSeconds: number;
  readonly deadlines: DeadlineOptions;
  readonly retries: RetryOptions;
  readonly queue: QueueOptions;
  /** Null when messages are not logged. */
  readonly messageLog: MessageLogOptions | null;
}

/** Who waits for room, and for how long. */
export interface QueueOptions {
  /** 0 = nobody. */
  readonly timeoutMs: number;
  /** In all workers together. */
  readonly most: number;
}

/** When a request is sent again. */
export interface RetryOptions {
  readonly attempts: number;
  /** Statuses that are not passed on while another backend might do better. */
  readonly statuses: ReadonlySet<number>;
  readonly backoff: BackoffRule;
  /** Largest body that is kept for it. */
  readonly bodyBytes: number;
}

/** Derives the options; the configuration is validated. */
export function proxyOptions(config: ServerConfig): ProxyOptions {
  return {
    ...limitsOf(config),
    ...timeoutsOf(config),
    messageLog: messageLogOptions(config),
    tierBodyBytes: config.tier_body_bytes,
    tierField: config.tier_field_name,
    tierHeader: config.tier_header.toLowerCase(),
    jsonFields: [config.tier_field_name, "client_lat", "client_lon"],
    metricsPath: config.metrics_path,
    isProxied: pathPrefixes(proxiedPaths(config.proxy_endpoints)),
    confinesPaths: !coversAllPaths(proxiedPaths(config.proxy_endpoints)),
    strategyOf: strategyByPath(config.proxy_endpoints),
    hashes: hashesRequests(config),
    hashHeaders: [config.ip_hash_header.toLowerCase(), config.ip_hash_fallback_header.toLowerCase()],
    hasConsole: config.console,
    forwardedHeader: config.forwarded_header,
    trustedProxies: new CidrSet(config.trusted_proxies),
    whitelist: new CidrSet(config.whitelisted_ips),
    whitelistProxy: config.whitelist_proxy,
    limitsProxyRate: config.proxy_rate_limit_per_minute > 0,
    stickyHeader: config.sticky_header.toLowerCase(),
    stickyByIp: config.sticky_by_ip,
    leaseSeconds: config.pending_allocation_timeout_seconds,
    queue: { timeoutMs: config.queue_timeout_seconds * SECOND_MS, most: config.queue_max },
    deadlines: {
      totalMs: config.total_timeout_seconds * SECOND_MS,
      bytesPerSecond: config.min_client_bytes_per_second,
    },
    retries: {
      attempts: config.retry_attempts,
      statuses: new Set(config.retry_on_statuses),
      backoff: {
        baseMs: config.retry_backoff_ms,
        multiplier: config.retry_backoff_multiplier,
        maxMs: config.retry_backoff_max_ms,
      },
      bodyBytes: config.retry_body_bytes,
    },
  };
}

function limitsOf(config: ServerConfig) {
  return {
    head: {
      maxHeadBytes: config.max_header_bytes,
      maxTargetBytes: Math.min(MAX_TARGET_BYTES, Math.ceil(config.max_header_bytes * 0.75)),
      maxHeaders: config.max_headers,
    },
    pool: {
      maxIdle: config.upstream_keepalive ? config.pool_max_idle_per_endpoint : 0,
      idleTimeoutMs: config.pool_idle_timeout_seconds * SECOND_MS,
      connectTimeoutMs: config.connect_timeout_seconds * SECOND_MS,
      handshakeTimeoutMs: config.upstream_tls_handshake_timeout_seconds * SECOND_MS,
      maxLifetimeMs: config.pool_max_lifetime_seconds * SECOND_MS,
      keepAliveMs: config.upstream_tcp_keepalive_seconds * SECOND_MS,
      reuses: config.upstream_keepalive,
      lingerMs: config.stream_idle_timeout_seconds * SECOND_MS,
    },
    http2MaxStreams: config.http2_max_streams,
    maxPerAddress: config.max_connections_per_address,
    managementBodyBytes: config.max_request_body_bytes,
    proxyBodyBytes:
      config.proxy_max_request_body_bytes === 0
        ? Number.POSITIVE_INFINITY
        : config.proxy_max_request_body_bytes,
  };
}

function timeoutsOf(config: ServerConfig) {
  return {
    requestTimeoutMs: config.request_timeout_seconds * SECOND_MS,
    expectTimeoutMs: config.expect_continue_timeout_seconds * SECOND_MS,
    handshakeTimeoutMs: config.tls_handshake_timeout_seconds * SECOND_MS,
    headTimeoutMs: config.read_header_timeout_seconds * SECOND_MS,
    idleTimeoutMs: config.idle_timeout_seconds * SECOND_MS,
    streamIdleMs: config.stream_idle_timeout_seconds * SECOND_MS,
    gatherMs: Math.max(0, config.proxy_sse_flush_interval_ms),
  };
}
