/** What a change would make of the configuration: what counts at once, what only after a restart. */
import { backendIdOf, circlesOf } from "../../../core/config/checks/backend-checks.ts";
import type { ConfigOutcome, RuntimeLayer } from "../../../core/config/load.ts";
import { type Change, diffConfigs, diffFields } from "../../../core/config/runtime/diff.ts";
import { FILE_ONLY_KEYS, LIVE_KEYS } from "../../../core/config/runtime/live-keys.ts";
import { changedBackends, type RuntimeChanges } from "../../../core/config/runtime/runtime-changes.ts";
import type { BackendConfig } from "../../../core/config/schema/backend-schema.ts";
import { type ServerConfig, ServerConfigSchema } from "../../../core/config/schema/server-schema.ts";
import { fitsSchema } from "../../../core/schema/check.ts";
import type { FieldError } from "../../../core/wire/problem.ts";

/** Reads the configuration anew, with what was changed at run time on top. */
export type LoadConfig = (runtime: RuntimeLayer) => ConfigOutcome<ServerConfig>;

export interface Candidate {
  /** What counts at once: keys that need a restart have their value of before. */
  readonly config: ServerConfig;
  readonly changes: readonly Change[];
  /** What the next start would go by. */
  readonly wanted: ServerConfig;
  /** Keys that have another value from then on. */
  readonly restartRequired: readonly string[];
}

export type CandidateOutcome =
  | { readonly ok: true; readonly candidate: Candidate }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Makes the layer of the configuration that the changes are. */
export function runtimeLayer(changes: RuntimeChanges): RuntimeLayer {
  return (values) => {
    const keys = Object.fromEntries(changes.keys.map(({ key, value }) => [key, value]));
    const listed = keys.backends ?? values.backends;
    const hasBackendChanges = changes.added.length + changes.removed.length + changes.terms.length > 0;
    if (!hasBackendChanges || !fitsSchema(ServerConfigSchema.properties.backends, listed)) return keys;
    return { ...keys, backends: changedBackends(listed, changes) };
  };
}

/** Reads the configuration with changes, and judges them together. */
export function loadWith(load: LoadConfig, changes: RuntimeChanges): ConfigOutcome<ServerConfig> {
  const loaded = load(runtimeLayer(changes));
  if (!loaded.ok) return loaded;
  const { backends } = loaded.config;
  const listed = new Set(backends.map(backendIdOf));
  // Backends with an agent stand in no list, but wait for others as those do.
  const agents = changes.terms.filter(({ id }) => !listed.has(id)).map(({ id, terms }) => ({ id, ...terms }));
  if (agents.length === 0) return loaded;
  const together = [...backends, ...agents];
  const errors = circlesOf(together).map(({ path: [, index], message }) => {
    const entry = together[Number(index)];
    const key = `backends.${entry === undefined ? "" : backendIdOf(entry)}.backup`;
    return { file: "", line: null, column: null, key, message };
  });
  return errors.length > 0 ? { ok: false, errors } : loaded;
}

/** Judges what changes would make of the configuration; `running` is what counts now. */
export function candidateOf(
  load: LoadConfig,
  running: { readonly config: ServerConfig; readonly changes: RuntimeChanges },
  next: RuntimeChanges,
): CandidateOutcome {
  const refused = next.keys.filter(({ key }) => FILE_ONLY_KEYS.has(key));
  if (refused.length > 0) {
    const rule = "is set in the configuration file, not by a call";
    return { ok: false, errors: refused.map(({ key }) => ({ field: key, rule, got: null })) };
  }
  const loaded = loadWith(load, next);
  if (!loaded.ok) {
    const errors = loaded.errors.map(({ file, line, key, message }) => ({
      field: key === "" ? file : key,
      rule: line === null ? message : `${message} (${file}:${line})`,
      got: null,
    }));
    return { ok: false, errors };
  }
  const wanted = loaded.config;
  const config = onlyLive(running.config, wanted);
  const restartRequired = diffConfigs(config, wanted).map(({ key }) => key);
  const changes = [
    ...diffConfigs(running.config, config),
    ...diffTerms(running.changes, next, config.backends),
  ];
  return { ok: true, candidate: { config, wanted, changes, restartRequired } };
}

const LISTENERS = ["host", "port", "admin_host", "admin_port"] as const;

/** Keys that need a restart keep the value that they have. */
function onlyLive(running: ServerConfig, wanted: ServerConfig): ServerConfig {
  const live = Object.entries(wanted).filter(([key]) => LIVE_KEYS.has(key));
  const config = { ...running, ...Object.fromEntries<unknown>(live) };
  // That nobody is asked for a key is meant for the listeners that are to be, not for those that there are.
  const isMoving = LISTENERS.some((key) => running[key] !== wanted[key]);
  return isMoving && !running.insecure_no_auth ? { ...config, insecure_no_auth: false } : config;
}

/** What operators say of backends with an agent is in no list of the configuration. */
function diffTerms(
  before: RuntimeChanges,
  after: RuntimeChanges,
  listed: readonly BackendConfig[],
): Change[] {
  const was = new Map(before.terms.map(({ id, terms }) => [id, terms]));
  const is = new Map(after.terms.map(({ id, terms }) => [id, terms]));
  const told = new Set(listed.map(backendIdOf));
  const ids = new Set([...was.keys(), ...is.keys()].filter((id) => !told.has(id)));
  return [...ids].flatMap((id) => diffFields(`backends.${id}`, was.get(id) ?? {}, is.get(id) ?? {}));
}
