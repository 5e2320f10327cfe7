/** What a configuration comes to before anything runs: files that are read, tables, rules about endpoints. */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import type { ServerConfig } from "../../core/config/schema/server-schema.ts";
import type { BackendTls, CertificateSet, SharedTables } from "../../core/plane/messages.ts";
import { toTiers } from "../../core/scoring/index.ts";
import { allocateTables, openTables, tableSizes } from "../../core/table/tables.ts";
import { makeLookup } from "../names/lookup.ts";
import { EndpointPolicy } from "./admission/endpoint-policy.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./logging/logger.ts";
import { Live } from "./settings/live.ts";
import { assertPortIsFree } from "./startup/port-check.ts";
import {
  loadBackendTls,
  loadCertificates,
  loadGeoip,
  loadKeys,
  loadStickyKey,
} from "./startup/startup-files.ts";
import type { Ports } from "./workers/supervisor.ts";

/** Beyond what the configuration asks for there is room for this many, so that it can ask for more at run time. */
const SPARE_TIERS = 22;
const LEAST_WORKERS = 16;

export interface Ground {
  /** Of the start; what may change since is in `live`. */
  readonly config: ServerConfig;
  readonly live: Live;
  readonly clock: Clock;
  readonly log: Log;
  readonly shared: SharedTables;
  readonly policy: EndpointPolicy;
  /** As configured; "" for none. */
  readonly stickyKey: string;
  readonly certificates: CertificateSet | null;
  readonly backendTls: BackendTls;
  readonly geoip: SharedArrayBuffer | null;
}

/** Reads and allocates; throws a StartError that says what cannot be had. */
export function layGround(config: ServerConfig, clock: Clock, log: Log): Ground {
  const keys = loadKeys(config);
  const stickyKey = loadStickyKey(config);
  const certificates = loadCertificates(config);
  const backendTls = loadBackendTls(config);
  const geoip = loadGeoip(config);
  assertPortIsFree(config.host, config.port, "port");
  assertPortIsFree(config.admin_host, config.admin_port, "admin_port");
  assertPortIsFree(config.metrics_host, config.metrics_port, "metrics_port");
  const workers = workersOf(config);
  const { tiers, defaultTier } = toTiers(config);
  const sizes = tableSizes(config, tiers.length + SPARE_TIERS, mostWorkers(workers));
  const shared = allocateTables(sizes, () => randomInt(2 ** 32));
  const lookup = makeLookup(config.dns_servers);
  const policy = new EndpointPolicy({
    allowed: config.allowed_endpoint_cidrs,
    denied: config.denied_endpoint_cidrs,
    resolve: async (host) => (await lookup(host)).addresses,
  });
  policy.setOwnPorts(usedPorts(config, { port: config.port, adminPort: config.admin_port }));
  const live = new Live(openTables(shared), { config, tiers, defaultTier, keys, workers });
  return { config, live, clock, log, shared, policy, stickyKey, certificates, backendTls, geoip };
}

/** How many data-plane threads a configuration asks for. */
export function workersOf({ workers }: ServerConfig): number {
  return workers === "auto" ? availableParallelism() : workers;
}

function mostWorkers(workers: number): number {
  return Math.max(LEAST_WORKERS, 2 * workers, availableParallelism());
}

/** The ports of listeners that there are. */
export function usedPorts({ metrics_port: metrics }: ServerConfig, { port, adminPort }: Ports): number[] {
  return [port, adminPort, metrics].filter((used) => used !== 0);
}
