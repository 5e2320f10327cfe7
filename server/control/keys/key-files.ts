/** From the configuration, and the files that it names, to the keys that management accepts. */
import { readFileSync, statSync } from "node:fs";
import type { FileFault } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { type ApiKey, SCOPES } from "../../../core/plane/api-key.ts";
import { KEY_FILE_RULE, keyIn } from "../../../core/schema/key-text.ts";
import { attempt, type Loaded, type Path, unreadable } from "../files/loaded.ts";

/** Keys of the configuration about who may use management. */
export type AuthKeys = Pick<
  ServerConfig,
  "server_key" | "server_key_file" | "api_keys" | "metrics_bearer_token" | "metrics_bearer_token_file"
>;

const MONITOR: ApiKey["scopes"] = ["metrics"];
const READ_BY_ALL = 0o004;

/** Reads every key; one that is given twice keeps the scopes of the first place. */
export function readKeys(config: Partial<AuthKeys>): Loaded<readonly ApiKey[]> {
  const { server_key: serverKey = "", server_key_file: serverKeyFile = "", api_keys: further = [] } = config;
  const faults: FileFault[] = [];
  const keys: ApiKey[] = [];
  const add = (name: string, key: string | null, scopes: ApiKey["scopes"]): void => {
    if (key !== null && key !== "" && !keys.some((known) => known.key === key))
      keys.push({ name, key, scopes });
  };
  add("server_key", serverKey, SCOPES);
  if (serverKeyFile !== "") {
    add("server_key", readKey(serverKeyFile, ["server_key_file"], faults), SCOPES);
  }
  for (const [index, entry] of further.entries()) {
    const place = `api_keys[${index}]`;
    if (typeof entry === "string") add(place, entry, SCOPES);
    else {
      const { key, key_file: file, name, scopes } = entry;
      const text = file === "" ? key : readKey(file, ["api_keys", index, "key_file"], faults);
      add(name === "" ? place : name, text, scopes);
    }
  }
  const { metrics_bearer_token: token = "", metrics_bearer_token_file: tokenFile = "" } = config;
  add("metrics_bearer_token", token, MONITOR);
  if (tokenFile !== "") {
    add("metrics_bearer_token", readKey(tokenFile, ["metrics_bearer_token_file"], faults), MONITOR);
  }
  return { value: faults.length > 0 ? null : keys, faults };
}

/** Files that hold keys. */
export function keyFiles(config: AuthKeys): string[] {
  const files = config.api_keys.map((entry) => (typeof entry === "string" ? "" : entry.key_file));
  return [config.server_key_file, ...files, config.metrics_bearer_token_file].filter((file) => file !== "");
}

/** Tells whether every user of this host may read a file. */
export function isReadByAll(file: string): boolean {
  return (statSync(file).mode & READ_BY_ALL) !== 0;
}

function readKey(file: string, path: Path, faults: FileFault[]): string | null {
  const text = attempt(path, unreadable(file), faults, () => readFileSync(file, "latin1"));
  if (text === null) return null;
  const key = keyIn(text);
  if (key === null) faults.push({ path, message: `${file} ${KEY_FILE_RULE}` });
  return key;
}
