/** Rules that tie keys together. Each looks only at keys that are right by themselves; the others are absent. */
import { optionFaults } from "../../migration/options.ts";
import type { PathPart } from "../../schema/check.ts";
import { showGot } from "../../schema/rule.ts";
import type { ClientConfig } from "../schema/client-schema.ts";
import { DEFAULT_TIERS, type ServerConfig, type TierConfig } from "../schema/server-schema.ts";
import { backendFaults } from "./backend-checks.ts";
import { metricsFaults } from "./metrics-check.ts";
import { stickyFaults } from "./sticky-check.ts";

export interface CrossFault {
  readonly path: readonly PathPart[];
  readonly message: string;
}

export function crossCheckServer(
  config: Partial<ServerConfig>,
  written: Readonly<Record<string, unknown>>,
): CrossFault[] {
  return [
    ...together("tls_cert_file", config.tls_cert_file, "tls_key_file", config.tls_key_file),
    ...together("tls_key_file", config.tls_key_file, "tls_cert_file", config.tls_cert_file),
    ...tlsFaults(config),
    ...keyFaults(config),
    ...tierFaults(tierNames(written.tiers), config.default_tier),
    ...vramFaults(config.tiers ?? []),
    ...portFaults(config),
    ...migrationFaults(config),
    ...backendFaults(config.backends ?? []),
    ...hashFaults(config),
    ...metricsFaults(config),
    ...stickyFaults(config),
  ];
}

export function crossCheckClient(config: Partial<ClientConfig>): CrossFault[] {
  const faults = twoKeys(config);
  const { latitude, longitude } = config;
  if ((latitude === undefined) === (longitude === undefined)) return faults;
  const [given, absent] = latitude === undefined ? ["longitude", "latitude"] : ["latitude", "longitude"];
  return [...faults, { path: [given], message: `needs ${absent} beside it: a place has both` }];
}

function twoKeys(config: Partial<Pick<ServerConfig, "server_key" | "server_key_file">>): CrossFault[] {
  const { server_key: key = "", server_key_file: file = "" } = config;
  if (key === "" || file === "") return [];
  return [{ path: ["server_key_file"], message: "must not stand beside server_key: one of them holds it" }];
}

function together(key: string, value: string | undefined, other: string, otherValue: unknown): CrossFault[] {
  if (value === undefined || value === "" || otherValue !== "") return [];
  return [{ path: [key], message: `needs ${other} beside it: HTTPS takes both` }];
}

function tlsFaults(config: Partial<ServerConfig>): CrossFault[] {
  const { tls_cert_file: certFile, tls_client_auth: auth, tls_client_ca_file: caFile } = config;
  const faults: CrossFault[] = [];
  if ((config.tls_certificates ?? []).length > 0 && certFile === "") {
    const message = "needs tls_cert_file beside it: the certificate for who asks for no name";
    faults.push({ path: ["tls_certificates"], message });
  }
  if (auth !== undefined && auth !== "none" && certFile === "") {
    faults.push({
      path: ["tls_client_auth"],
      message: "needs tls_cert_file beside it: clients speak TLS then",
    });
  }
  if (auth !== undefined && auth !== "none" && caFile === "") {
    faults.push({
      path: ["tls_client_auth"],
      message: "needs tls_client_ca_file beside it, to verify against",
    });
  }
  return faults;
}

function keyFaults(config: Partial<ServerConfig>): CrossFault[] {
  const faults = twoKeys(config);
  for (const [index, entry] of (config.api_keys ?? []).entries()) {
    if (typeof entry === "string" || (entry.key === "") !== (entry.key_file === "")) continue;
    const message = "needs a key, either as key or in the file key_file";
    faults.push({ path: ["api_keys", index], message });
  }
  return faults;
}

/** Names as they stand in the list, also of tiers that are wrong otherwise; null where there is none. */
function tierNames(tiers: unknown): (string | null)[] {
  if (!Array.isArray(tiers)) return [];
  return tiers.map((tier: unknown) =>
    typeof tier === "object" && tier !== null && "name" in tier && typeof tier.name === "string"
      ? tier.name
      : null,
  );
}

function tierFaults(written: readonly (string | null)[], defaultTier: string | undefined): CrossFault[] {
  const faults: CrossFault[] = [];
  written.forEach((name, index) => {
    const before = written.indexOf(name);
    if (name === null || before === index) return;
    faults.push({ path: ["tiers", index, "name"], message: `${showGot(name)} is tiers[${before}] already` });
  });
  const names = written.length > 0 ? written : DEFAULT_TIERS.map(({ name }) => name);
  // A tier whose name could not be read might be the wanted one.
  if (defaultTier === undefined || defaultTier === "" || names.includes(null)) return faults;
  if (!names.includes(defaultTier)) {
    const message = `must be one of the tiers ${names.slice(0, 20).join(", ")}, got ${showGot(defaultTier)}`;
    faults.push({ path: ["default_tier"], message });
  }
  return faults;
}

function vramFaults(tiers: readonly TierConfig[]): CrossFault[] {
  return tiers.flatMap((tier, index) =>
    tier.gpu_memory_gb > 0 && tier.gpu === 0
      ? [{ path: ["tiers", index, "gpu_memory_gb"], message: "needs gpu of at least 1 beside it" }]
      : [],
  );
}

function migrationFaults({ migration_defaults: defaults }: Partial<ServerConfig>): CrossFault[] {
  return optionFaults(defaults ?? {}).map(({ field, rule, got }) => ({
    path: ["migration_defaults", field],
    message: `${rule}, got ${showGot(got)}`,
  }));
}

function hashFaults({ ip_hash_balance_factor: factor }: Partial<ServerConfig>): CrossFault[] {
  if (factor === undefined || factor === 0 || factor > 1) return [];
  const message = `must be 0 or above 1, got ${factor}: each backend has to take its share`;
  return [{ path: ["ip_hash_balance_factor"], message }];
}

function portFaults({ port, admin_port: adminPort }: Partial<ServerConfig>): CrossFault[] {
  if (adminPort === undefined || adminPort === 0 || adminPort !== port) return [];
  return [{ path: ["admin_port"], message: `must differ from port, got ${adminPort} for both` }];
}
