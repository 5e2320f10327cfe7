/**
 * Makes the configuration of a program from its layers: flag over environment over file over default. Pure: the
 * caller hands in flags, environment and a way to read the file. Every error is found at once.
 */
import type { Static, TObject } from "@sinclair/typebox";
import type { FlagValues } from "../cli/flags.ts";
import { messageOf } from "../log/message-of.ts";
import { check, type Fault, type PathPart, pathText, soundPart } from "../schema/check.ts";
import { KEY_FILE_RULE, keyIn } from "../schema/key-text.ts";
import { CLIENT_NAMES, CONFIG_FILE_ENV, type OuterNames, SERVER_NAMES } from "./bindings.ts";
import { type CrossFault, crossCheckClient, crossCheckServer } from "./checks/cross-check.ts";
import type { ConfigError } from "./config-error.ts";
import { withDefaults } from "./defaults.ts";
import { type ConfigDocument, parseConfigText } from "./document.ts";
import { faultMessage, type MistakenKeys } from "./fault-message.ts";
import { type Environment, type Override, readOverrides, readRuntime } from "./layers.ts";
import { type ClientConfig, ClientConfigSchema } from "./schema/client-schema.ts";
import { type ServerConfig, ServerConfigSchema } from "./schema/server-schema.ts";

export { type ConfigError, renderConfigError } from "./config-error.ts";

export interface ConfigInputs {
  readonly flags: FlagValues;
  readonly env: Environment;
  /** Returns the text of a file, or throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** Gives what was changed at run time, by the values of all other layers: it wins over them. */
  readonly runtime?: RuntimeLayer;
}

/** Values of keys, made from those of the layers below. */
export type RuntimeLayer = (values: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

export type ConfigOutcome<Config> =
  /** `source` is the path of the file that was read, null without one. */
  | { readonly ok: true; readonly config: Config; readonly source: string | null }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

/** What is wrong with a file that the configuration names. */
export type FileFault = CrossFault;

export interface ServerConfigInputs extends ConfigInputs {
  /** Looks at the files that the keys name; keys that are wrong by themselves are absent. */
  readonly fileFaults?: (config: Partial<ServerConfig>) => readonly FileFault[];
}

/** Loads the server's configuration; with no file it is the defaults and what flags and environment set. */
export function loadServerConfig(inputs: ServerConfigInputs): ConfigOutcome<ServerConfig> {
  const { fileFaults = () => [] } = inputs;
  const crossCheck: typeof crossCheckServer = (config, written) => [
    ...crossCheckServer(config, written),
    ...fileFaults(config),
  ];
  const outcome = load({ ...SERVER, crossCheck }, inputs);
  if (!outcome.ok) return outcome;
  const apiKeys = outcome.config.api_keys.filter((key) => key !== "");
  return { ...outcome, config: { ...outcome.config, api_keys: apiKeys } };
}

/** Judges a whole configuration that comes from no file, with what was changed at run time. */
export function judgeServerConfig(
  base: ServerConfig,
  runtime: RuntimeLayer,
  fileFaults: ServerConfigInputs["fileFaults"],
): ConfigOutcome<ServerConfig> {
  const values = { ...base, ...runtime(base) };
  const faults = check(ServerConfigSchema, values);
  // Keys with faults are left out: those that are left have the schema's types.
  const sound = soundPart(values, faults) as Partial<ServerConfig>;
  const crossFaults = [...crossCheckServer(sound, values), ...(fileFaults?.(sound) ?? [])];
  const errors = [
    ...faults.map((fault) => ({ path: fault.path, message: faultMessage(fault) })),
    ...crossFaults,
  ].map(({ path, message }) => ({ file: "", line: null, column: null, key: pathText(path), message }));
  return errors.length > 0 ? { ok: false, errors } : { ok: true, config: values, source: null };
}

/** Loads the agent's configuration; `server_url` comes back without a trailing slash. */
export function loadClientConfig(inputs: ConfigInputs): ConfigOutcome<ClientConfig> {
  const key = { text: "" };
  const crossCheck: typeof crossCheckClient = (config) => {
    const faults = crossCheckClient(config);
    const file = config.server_key_file ?? "";
    if (file === "") return faults;
    const read = readKeyFile(file, inputs.readFile);
    key.text = read.key;
    return [...faults, ...read.faults];
  };
  const outcome = load({ ...CLIENT, crossCheck }, inputs);
  if (!outcome.ok) return outcome;
  const serverUrl = outcome.config.server_url.replace(/\/+$/, "");
  const serverKey = outcome.config.server_key || key.text;
  return { ...outcome, config: { ...outcome.config, server_url: serverUrl, server_key: serverKey } };
}

function readKeyFile(
  file: string,
  readFile: ConfigInputs["readFile"],
): { key: string; faults: CrossFault[] } {
  const path = ["server_key_file"];
  try {
    const key = keyIn(readFile(file));
    if (key !== null) return { key, faults: [] };
    return { key: "", faults: [{ path, message: `${file} ${KEY_FILE_RULE}` }] };
  } catch (error) {
    const why = messageOf(error);
    return { key: "", faults: [{ path, message: `cannot read ${file}: ${why}` }] };
  }
}

interface FileKind<Schema extends TObject> extends OuterNames {
  readonly schema: Schema;
  readonly mistakenKeys: MistakenKeys;
  readonly mistakenEnv: Readonly<Record<string, string>>;
  readonly crossCheck: (
    config: Partial<Static<Schema>>,
    written: Readonly<Record<string, unknown>>,
  ) => CrossFault[];
}

const SERVER: FileKind<typeof ServerConfigSchema> = {
  schema: ServerConfigSchema,
  ...SERVER_NAMES,
  mistakenKeys: {
    stale_client_timeout_minutes: { key: "stale_minutes" },
    stale_timeout: { key: "stale_minutes" },
    proxy_enabled: { key: "proxy_endpoints" },
    api_key: { key: "server_key" },
    db: { key: "database" },
    db_path: { key: "database" },
    balancing_strategy: { key: "strategy" },
    lb_strategy: { key: "strategy" },
  },
  mistakenEnv: { OPSEN_SERVER_API_KEY: "OPSEN_SERVER_SERVER_KEY" },
  crossCheck: crossCheckServer,
};

const RETRIES_FOR_EVER = "the agent registers again for ever, with growing pauses";
const BREAKER_IS_FIXED = "the circuit breaker needs no setting";

const CLIENT: FileKind<typeof ClientConfigSchema> = {
  schema: ClientConfigSchema,
  ...CLIENT_NAMES,
  mistakenKeys: {
    endpoint: { key: "endpoint_url" },
    api_key: { key: "server_key" },
    interval_seconds: { key: "report_interval_seconds" },
    max_registration_retries: { why: RETRIES_FOR_EVER },
    registration_retry_delay_seconds: { why: RETRIES_FOR_EVER },
    circuit_breaker_threshold: { why: BREAKER_IS_FIXED },
    circuit_breaker_timeout_seconds: { why: BREAKER_IS_FIXED },
  },
  mistakenEnv: { OPSEN_CLIENT_API_KEY: "OPSEN_CLIENT_SERVER_KEY" },
  crossCheck: crossCheckClient,
};

function load<Schema extends TObject>(
  kind: FileKind<Schema>,
  inputs: ConfigInputs,
): ConfigOutcome<Static<Schema>> {
  const source = sourcePath(inputs);
  const file = source === null ? EMPTY_FILE : readSource(source, inputs.readFile);
  const overrides = readOverrides(kind, inputs.flags, inputs.env);
  const errors = [...overrides.errors, ...file.errors];
  // Without a readable file the rest of the layers is still judged, but nothing is said about ties between keys.
  if (file.errors.length > 0) return { ok: false, errors };

  const written = withDefaults(kind.schema, file.document?.value ?? {});
  const faults = check(kind.schema, written);
  errors.push(...faults.map((fault) => fileError(kind, file, fault)));
  const values = new Map(overrides.values);
  const below = merge(written, values);
  const runtime = readRuntime(kind, inputs.runtime?.(below) ?? {});
  errors.push(...runtime.errors);
  for (const [key, override] of runtime.values) values.set(key, override);
  const merged = merge(written, values);
  // Faulty keys are left out, and check() has passed the others: they have the schema's types.
  const sound = soundPart(merged, faults) as Partial<Static<Schema>>;
  errors.push(...kind.crossCheck(sound, merged).map((fault) => crossError(file, values, fault)));
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, config: merged, source };
}

/** What was read of the file: a document, errors, or nothing at all when no file is named. */
interface Source {
  readonly path: string;
  readonly document: ConfigDocument | null;
  readonly errors: readonly ConfigError[];
}

const EMPTY_FILE: Source = { path: "", document: null, errors: [] };

function sourcePath({ flags, env }: ConfigInputs): string | null {
  const named = flags.config ?? env[CONFIG_FILE_ENV];
  return named === undefined || named === "" ? null : named;
}

function readSource(path: string, readFile: (path: string) => string): Source {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const why = messageOf(error);
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const message = missing ? "the config file does not exist" : `the config file cannot be read: ${why}`;
    return { path, document: null, errors: [{ file: path, line: null, column: null, key: "", message }] };
  }
  const outcome = parseConfigText(text);
  if (outcome.ok) return { path, document: outcome.document, errors: [] };
  return { path, document: null, errors: outcome.faults.map((at) => ({ file: path, key: "", ...at })) };
}

function merge(written: unknown, overrides: ReadonlyMap<string, Override>): Record<string, unknown> {
  const values = Array.from(overrides.values(), ({ key, value }) => [key, value] as const);
  const base = typeof written === "object" && written !== null && !Array.isArray(written) ? written : {};
  return { ...base, ...Object.fromEntries(values) };
}

function fileError(kind: FileKind<TObject>, file: Source, fault: Fault): ConfigError {
  const mistaken = fault.path.length === 1 ? kind.mistakenKeys : {};
  return positioned(file, fault.path, faultMessage(fault, mistaken));
}

/** A tie between keys is reported where its key was set: by a flag, the environment or the file. */
function crossError(
  file: Source,
  overrides: ReadonlyMap<string, Override>,
  { path, message }: CrossFault,
): ConfigError {
  const override = overrides.get(String(path[0]));
  if (override === undefined) return positioned(file, path, message);
  return { file: override.origin, line: null, column: null, key: pathText(path), message };
}

function positioned(file: Source, path: readonly PathPart[], message: string): ConfigError {
  const at = file.document?.positionOf(path);
  return {
    file: file.path === "" ? "default" : file.path,
    line: at?.line ?? null,
    column: at?.column ?? null,
    key: pathText(path),
    message,
  };
}
