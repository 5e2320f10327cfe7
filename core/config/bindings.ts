/** Which flags and environment variables set which keys. */
import { KindGuard, type TObject } from "@sinclair/typebox";

/** The two flags and environment names of a key that the original product gave it. */
export interface Binding {
  readonly flag: string;
  readonly key: string;
  readonly env: string;
}

/** Names the configuration file, in both programs. */
export const CONFIG_FILE_ENV = "OPSEN_CONFIG_FILE";

/** The names of a program's keys outside its file. */
export interface OuterNames {
  /** Of the environment variables of all keys. */
  readonly prefix: string;
  readonly bindings: readonly Binding[];
  /** Environment names of others, with their keys; each of our own names wins over them. */
  readonly otherEnv?: Readonly<Record<string, string>>;
}

export const SERVER_NAMES: OuterNames = {
  prefix: "OPSEN_SERVER_",
  bindings: [
    { flag: "port", key: "port", env: "OPSEN_SERVER_PORT" },
    { flag: "host", key: "host", env: "OPSEN_SERVER_HOST" },
    { flag: "db", key: "database", env: "OPSEN_SERVER_DATABASE" },
    { flag: "stale", key: "stale_minutes", env: "OPSEN_SERVER_STALE_TIMEOUT" },
    { flag: "cleanup-interval", key: "cleanup_interval_seconds", env: "OPSEN_SERVER_CLEANUP_INTERVAL" },
  ],
  otherEnv: { LB_STRATEGY: "strategy" },
};

export const CLIENT_NAMES: OuterNames = {
  prefix: "OPSEN_CLIENT_",
  bindings: [
    { flag: "server", key: "server_url", env: "OPSEN_CLIENT_SERVER_URL" },
    { flag: "window", key: "window_minutes", env: "OPSEN_CLIENT_WINDOW_MINUTES" },
    { flag: "interval", key: "report_interval_seconds", env: "OPSEN_CLIENT_INTERVAL_SECONDS" },
    { flag: "disk", key: "disk_path", env: "OPSEN_CLIENT_DISK_PATH" },
    { flag: "id", key: "client_id", env: "OPSEN_CLIENT_CLIENT_ID" },
  ],
};

/**
 * Environment names and the keys that they set: the original's names, and `<prefix><KEY>` for every key that
 * holds one value. The original's names come first and win over the general ones, which win over those of others.
 */
export function environmentNames(
  schema: TObject,
  { prefix, bindings, otherEnv = {} }: OuterNames,
): ReadonlyMap<string, string> {
  const names = new Map(bindings.map(({ env, key }) => [env, key]));
  for (const [key, property] of Object.entries(schema.properties)) {
    if (KindGuard.IsArray(property) || KindGuard.IsObject(property)) continue;
    const name = `${prefix}${key.toUpperCase()}`;
    if (!names.has(name)) names.set(name, key);
  }
  for (const [name, key] of Object.entries(otherEnv)) names.set(name, key);
  return names;
}
