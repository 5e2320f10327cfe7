/** What the log says when the server is ready. */
import type { ServerConfig } from "../../../core/config/server-schema.ts";
import type { Logger } from "../logging/logger.ts";
import type { Ports } from "../workers/supervisor.ts";

export interface StartFacts {
  readonly version: string;
  /** Path of the configuration file; null without one. */
  readonly source: string | null;
  readonly workers: number;
  readonly backends: number;
  readonly stickySessions: number;
}

/** Writes where the server listens and what it knows, and warns of settings that open it up. */
export function announce(log: Logger, config: ServerConfig, ports: Ports, facts: StartFacts): void {
  const scheme = config.tls_cert_file === "" ? "http" : "https";
  log.info(`opsen-server ${facts.version} is ready`, {
    config: facts.source ?? "defaults",
    listen: `${scheme}://${hostPort(config.host, ports.port)}`,
    management: ports.adminPort === 0 ? "same port" : hostPort(config.admin_host, ports.adminPort),
    workers: facts.workers,
    database: config.database,
    backends: facts.backends,
    sticky_sessions: facts.stickySessions,
  });
  warnOfRisks(log, config);
}

function warnOfRisks(log: Logger, config: ServerConfig): void {
  const hasKey = config.server_key !== "" || config.api_keys.length > 0;
  if (!hasKey && config.insecure_no_auth) {
    log.warn("insecure_no_auth is on: anybody who reaches management may register backends; set server_key");
  } else if (!hasKey) {
    log.warn("no key is set: management answers callers on this host only; set server_key to open it");
  }
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
