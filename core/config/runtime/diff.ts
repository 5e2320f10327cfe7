/** What differs between two configurations, for people. */
import { KindGuard, type TSchema } from "@sinclair/typebox";
import { isRecord } from "../../schema/is-record.ts";
import { backendIdOf } from "../checks/backend-checks.ts";
import type { BackendConfig } from "../schema/backend-schema.ts";
import { type ServerConfig, ServerConfigSchema } from "../schema/server-schema.ts";

/** Stands for a secret that is set. */
export const HIDDEN = "***";

export interface Change {
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Lists the keys whose values differ, in the order of the schema; secrets are hidden. */
export function diffConfigs(before: ServerConfig, after: ServerConfig): Change[] {
  const was = new Map(Object.entries(before));
  const is = new Map(Object.entries(after));
  return Object.entries(ServerConfigSchema.properties).flatMap(([key, schema]) => {
    const [from, to]: unknown[] = [was.get(key), is.get(key)];
    if (JSON.stringify(from) === JSON.stringify(to)) return [];
    if (key === "backends") return diffBackends(before.backends, after.backends);
    return [{ key, from: redacted(schema, from), to: redacted(schema, to) }];
  });
}

/** Lists what differs backend by backend: a list of a thousand is not shown for the weight of one. */
function diffBackends(before: readonly BackendConfig[], after: readonly BackendConfig[]): Change[] {
  const was = new Map(before.map((entry) => [backendIdOf(entry), entry]));
  const is = new Map(after.map((entry) => [backendIdOf(entry), entry]));
  const changes: Change[] = [];
  for (const id of new Set([...was.keys(), ...is.keys()])) {
    const from = was.get(id);
    const to = is.get(id);
    if (from === undefined || to === undefined) {
      changes.push({ key: `backends.${id}`, from: from ?? null, to: to ?? null });
    } else changes.push(...diffFields(`backends.${id}`, from, to));
  }
  return changes;
}

/** Lists the fields of two objects that differ, under a prefix; null stands for one that is absent. */
export function diffFields(prefix: string, before: object, after: object): Change[] {
  const was = new Map<string, unknown>(Object.entries(before));
  const is = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((field) => {
    const [from, to] = [was.get(field) ?? null, is.get(field) ?? null];
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ key: `${prefix}.${field}`, from, to }];
  });
}

/** Gives a configuration as it may be shown: every secret that is set is {@link HIDDEN}. */
export function shownConfig(config: ServerConfig): Record<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(config));
  return Object.fromEntries(
    Object.entries(ServerConfigSchema.properties).map(([key, schema]) => [
      key,
      redacted(schema, values.get(key)),
    ]),
  );
}

/** Gives a value of a schema as it may be shown. */
export function redacted(schema: TSchema, value: unknown): unknown {
  if (schema.secret === true) return typeof value === "string" && value !== "" ? HIDDEN : value;
  if (KindGuard.IsUnion(schema)) {
    const secret = schema.anyOf.find((variant) => variant.secret === true);
    if (typeof value === "string" && secret !== undefined) return redacted(secret, value);
    const object = schema.anyOf.find((variant) => KindGuard.IsObject(variant));
    return isRecord(value) && object !== undefined ? redacted(object, value) : value;
  }
  if (KindGuard.IsArray(schema) && Array.isArray(value)) {
    return value.map((item: unknown) => redacted(schema.items, item));
  }
  if (!KindGuard.IsObject(schema) || !isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const property = schema.properties[key];
      return [key, property === undefined ? item : redacted(property, item)];
    }),
  );
}
