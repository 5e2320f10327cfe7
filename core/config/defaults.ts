/** Completes a value with the defaults of its schema. */
import { KindGuard, type TSchema } from "@sinclair/typebox";
import { isRecord } from "../schema/is-record.ts";

/**
 * A copy of `value` in which keys that are absent or null have their default, at every level. What does not fit
 * the schema is left as it is, for the check to find.
 */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  const present: unknown = value ?? schema.default;
  if (KindGuard.IsArray(schema) && Array.isArray(present)) {
    return present.map((item: unknown) => (item === null ? item : withDefaults(schema.items, item)));
  }
  if (KindGuard.IsUnion(schema) && isRecord(present)) {
    const variant = schema.anyOf.find((each) => KindGuard.IsObject(each));
    return variant === undefined ? present : withDefaults(variant, present);
  }
  if (!KindGuard.IsObject(schema) || !isRecord(present)) return present;
  const out = new Map<string, unknown>(Object.entries(present).filter(([, item]) => item !== null));
  for (const [key, property] of Object.entries(schema.properties)) {
    const completed = withDefaults(property, out.get(key));
    if (completed !== undefined) out.set(key, completed);
  }
  return Object.fromEntries(out);
}
