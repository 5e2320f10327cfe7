/** The layers above the file: flags, then environment. Each value is judged by itself and named by its origin. */
import { KindGuard, type TObject, type TSchema } from "@sinclair/typebox";
import type { FlagValues } from "../cli/flags.ts";
import { check, type Fault, pathText } from "../schema/check.ts";
import { nearest } from "../schema/suggest.ts";
import { environmentNames, type OuterNames } from "./bindings.ts";
import type { ConfigError } from "./config-error.ts";
import { withDefaults } from "./defaults.ts";
import { faultMessage } from "./fault-message.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Override {
  readonly key: string;
  readonly value: unknown;
  /** Such as `flag -port`. */
  readonly origin: string;
}

export interface Overrides {
  /** By key; a flag has displaced the environment's value. */
  readonly values: ReadonlyMap<string, Override>;
  readonly errors: readonly ConfigError[];
}

export interface LayerRules extends OuterNames {
  readonly schema: TObject;
  /** Names of other versions and documents, and what they mean here. */
  readonly mistakenEnv: Readonly<Record<string, string>>;
}

/** Reads what flags and environment set, and every fault in them. */
export function readOverrides(rules: LayerRules, flags: FlagValues, env: Environment): Overrides {
  const errors: ConfigError[] = [];
  const values = new Map<string, Override>();
  for (const override of [...fromEnvironment(rules, env, errors), ...fromFlags(rules, flags)]) {
    const property = rules.schema.properties[override.key];
    if (property === undefined) continue;
    const faults = check(property, override.value);
    if (faults.length === 0) values.set(override.key, override);
    for (const fault of faults) {
      const key = pathText([override.key, ...fault.path]);
      errors.push({ file: override.origin, line: null, column: null, key, message: faultMessage(fault) });
    }
  }
  return { values, errors };
}

/** Judges what was changed at run time. */
export function readRuntime(
  { schema }: Pick<LayerRules, "schema">,
  changes: Readonly<Record<string, unknown>>,
): Overrides {
  const origin = "run time";
  const errors: ConfigError[] = [];
  const values = new Map<string, Override>();
  const known = Object.keys(schema.properties);
  for (const [key, given] of Object.entries(changes)) {
    const property = schema.properties[key];
    const value = property === undefined ? given : withDefaults(property, given);
    const faults: Fault[] =
      property === undefined
        ? [{ path: [], kind: "unknown", rule: "", got: undefined, secret: true, known }]
        : check(property, value);
    if (faults.length === 0) values.set(key, { key, value, origin });
    for (const fault of faults) {
      const path = [key, ...fault.path];
      errors.push({
        file: origin,
        line: null,
        column: null,
        key: pathText(path),
        message: faultMessage({ ...fault, path }),
      });
    }
  }
  return { values, errors };
}

function fromFlags(rules: LayerRules, flags: FlagValues): Override[] {
  return rules.bindings.flatMap(({ flag, key }) => {
    const text = flags[flag];
    const property = rules.schema.properties[key];
    if (text === undefined || property === undefined) return [];
    return [{ key, value: typed(property, text), origin: `flag -${flag}` }];
  });
}

function fromEnvironment(rules: LayerRules, env: Environment, errors: ConfigError[]): Override[] {
  const names = environmentNames(rules.schema, rules);
  const found = new Map<string, Override>();
  // In the order of `names`, so that of two names for one key the original's wins.
  for (const [name, key] of names) {
    const text = env[name];
    const property = rules.schema.properties[key];
    // Compose files pass unset variables on as empty ones.
    if (text === undefined || text === "" || property === undefined || found.has(key)) continue;
    if (isServiceLink(name, text)) continue;
    found.set(key, { key, value: typed(property, text), origin: `environment ${name}` });
  }
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(rules.prefix) || names.has(name) || isServiceLink(name, text ?? "")) continue;
    const meant = rules.mistakenEnv[name] ?? nearest(name, [...names.keys()]);
    const message = `is not a known setting${meant === null ? "" : `; did you mean ${meant}?`}`;
    errors.push({ file: `environment ${name}`, line: null, column: null, key: "", message });
  }
  return [...found.values()];
}

/**
 * Kubernetes gives every pod variables about each service: a service named `opsen-server` makes
 * `OPSEN_SERVER_SERVICE_HOST`, `OPSEN_SERVER_PORT=tcp://10.0.0.1:8080`, `OPSEN_SERVER_PORT_8080_TCP_ADDR`, ...
 */
function isServiceLink(name: string, text: string): boolean {
  return (
    /_SERVICE_(?:HOST|PORT)(?:_[A-Z0-9_]+)?$/.test(name) ||
    /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(text))
  );
}

/** Text as the type of its key; what does not look like it stays text and fails the check with its rule. */
function typed(schema: TSchema, text: string): unknown {
  if (KindGuard.IsUnion(schema)) {
    const variant = schema.anyOf.find((candidate) => check(candidate, typed(candidate, text)).length === 0);
    return variant === undefined ? text : typed(variant, text);
  }
  if (KindGuard.IsInteger(schema) || KindGuard.IsNumber(schema)) {
    return /^[+-]?\d{1,20}(?:\.\d{1,20})?$/.test(text) ? Number(text) : text;
  }
  if (KindGuard.IsBoolean(schema)) {
    if (/^(?:true|1)$/i.test(text)) return true;
    if (/^(?:false|0)$/i.test(text)) return false;
  }
  return text;
}
