/** What the log says when the server is ready. */
import { strategyNamed } from "../../../core/balancing/strategies/names.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { type ApiKey, isMetricsOnly } from "../../../core/plane/api-key.ts";
import { isReadByAll, keyFiles } from "../keys/key-files.ts";
import { stickyKeyFiles } from "../keys/sticky-key.ts";
import type { Logger } from "../logging/logger.ts";
import type { Ports } from "../workers/supervisor.ts";

export interface StartFacts {
  readonly version: string;
  /** Path of the configuration file; null without one. */
  readonly source: string | null;
  readonly keys: readonly ApiKey[];
  readonly workers: number;
  readonly backends: number;
  readonly stickySessions: number;
}

/** 128 bits in hexadecimal. */
const GOOD_KEY_LENGTH = 32;
/** What stands in examples for a key. */
const PLACEHOLDER = /change|example|secret|password|placeholder/i;

/** Writes where the server listens and what it knows, and warns of settings that open it up. */
export function announce(log: Logger, config: ServerConfig, ports: Ports, facts: StartFacts): void {
  const scheme = config.tls_cert_file === "" ? "http" : "https";
  log.info(`opsen-server ${facts.version} is ready`, {
    config: facts.source ?? "defaults",
    listen: `${scheme}://${hostPort(config.host, ports.port)}`,
    management: ports.adminPort === 0 ? "same port" : hostPort(config.admin_host, ports.adminPort),
    ...(config.metrics_enabled && config.metrics_port !== 0
      ? { metrics: `http://${hostPort(config.metrics_host, config.metrics_port)}${config.metrics_path}` }
      : {}),
    strategy: strategyNamed(config.strategy),
    workers: facts.workers,
    database: config.database,
    backends: facts.backends,
    sticky_sessions: facts.stickySessions,
  });
  warnOfAccess(log, config, facts.keys);
  warnOfRisks(log, config);
}

/** Says who could manage this server that perhaps should not. */
function warnOfAccess(log: Logger, config: ServerConfig, keys: readonly ApiKey[]): void {
  const hasKey = keys.some((key) => !isMetricsOnly(key));
  if (!hasKey && config.insecure_no_auth) {
    log.warn("insecure_no_auth is on: anybody who reaches management may register backends; set server_key");
  } else if (!hasKey) {
    log.warn("no key is set: management answers callers on this host only; set server_key to open it");
  }
  for (const { name, key } of keys) {
    const isWeak = key.length < GOOD_KEY_LENGTH || PLACEHOLDER.test(key);
    if (isWeak) log.warn("a key can be guessed; take one from: openssl rand -hex 32", { key: name });
  }
  for (const file of [...keyFiles(config), ...stickyKeyFiles(config)]) {
    if (isReadByAll(file)) log.warn("every user of this host may read a key; chmod o-r its file", { file });
  }
}

function warnOfRisks(log: Logger, config: ServerConfig): void {
  if (config.tls_insecure_skip_verify) {
    log.warn("tls_insecure_skip_verify is on: certificates of backends are not verified");
  }
  for (const { host, verify } of config.backend_tls) {
    if (!verify)
      log.warn("backend_tls has verify off: certificates of these backends are not verified", { host });
  }
}

function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
