/**
 * Checks a value against a TypeBox schema and reports every fault at once, each with its path. TypeBox's own
 * errors stop at a union ("expected union value"); these name the inner field.
 */
import {
  KindGuard,
  type Static,
  type TObject,
  type TSchema,
  type TString,
  type TUnion,
} from "@sinclair/typebox";
import { FORMATS } from "./formats.ts";
import { isRecord } from "./is-record.ts";
import { isKey } from "./key-text.ts";
import { ruleOf } from "./rule.ts";

export type PathPart = string | number;

export interface Fault {
  readonly path: readonly PathPart[];
  readonly kind: "value" | "missing" | "unknown";
  /** What would be right, such as "must be true or false". */
  readonly rule: string;
  /** Undefined when nothing was there. */
  readonly got: unknown;
  /** The value must not be shown. */
  readonly secret: boolean;
  /** What the value was meant to be, where that can be guessed. */
  readonly meant?: string;
  /** For an unknown key: the keys that are known at its place. */
  readonly known: readonly string[];
}

/** Faults are worth reading up to a point; a list of a million wrong items reports this many. */
export const MAX_FAULTS = 64;

/** Lists the faults of `value`, in the order of the value; an empty list means that it fits the schema. */
export function check(schema: TSchema, value: unknown): Fault[] {
  const faults: Fault[] = [];
  visit(schema, value, [], faults);
  return faults;
}

/** Tells whether `value` fits the schema, and so has its type. */
export function fitsSchema<Schema extends TSchema>(schema: Schema, value: unknown): value is Static<Schema> {
  return check(schema, value).length === 0;
}

/** Gives the part of an object that `faults` leave in order: its fields without those that hold a fault. */
export function soundPart(value: object, faults: readonly Fault[]): Record<string, unknown> {
  const faulty = new Set(faults.map(({ path }) => path[0]));
  return Object.fromEntries(Object.entries(value).filter(([key]) => !faulty.has(key)));
}

/** Writes a path as in `endpoints[0].url`. */
export function pathText(path: readonly PathPart[]): string {
  let text = "";
  for (const part of path) {
    text += typeof part === "number" ? `[${part}]` : `${text === "" ? "" : "."}${part}`;
  }
  return text;
}

function visit(schema: TSchema, value: unknown, path: readonly PathPart[], faults: Fault[]): void {
  if (faults.length >= MAX_FAULTS) return;
  if (KindGuard.IsUnion(schema)) visitUnion(schema, value, path, faults);
  else if (KindGuard.IsObject(schema) && isRecord(value)) visitObject(schema, value, path, faults);
  else if (KindGuard.IsArray(schema) && Array.isArray(value)) {
    if (!lengthFits(schema.minItems, schema.maxItems, value)) faults.push(fault(schema, value, path));
    else {
      value.forEach((item: unknown, index) => {
        visit(schema.items, item, [...path, index], faults);
      });
    }
  } else if (!fits(schema, value)) faults.push(fault(schema, value, path));
}

/** A list, an object or a secret is judged by the variant of its kind, so that the fault in it is named. */
function visitUnion(schema: TUnion, value: unknown, path: readonly PathPart[], faults: Fault[]): void {
  const inner = schema.anyOf.find(
    (variant) =>
      (Array.isArray(value) && KindGuard.IsArray(variant)) ||
      (isRecord(value) && KindGuard.IsObject(variant)) ||
      (typeof value === "string" && KindGuard.IsString(variant) && variant.secret === true),
  );
  if (inner !== undefined) visit(inner, value, path, faults);
  else if (!schema.anyOf.some((variant) => fits(variant, value))) faults.push(fault(schema, value, path));
}

function visitObject(
  schema: TObject,
  value: Readonly<Record<string, unknown>>,
  path: readonly PathPart[],
  faults: Fault[],
): void {
  const known = Object.keys(schema.properties);
  const closed = schema.additionalProperties === false;
  for (const [key, item] of Object.entries(value)) {
    const property = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    const other: unknown = schema.additionalProperties;
    if (property !== undefined) visit(property, item, [...path, key], faults);
    else if (KindGuard.IsSchema(other)) visit(other, item, [...path, key], faults);
    else if (closed) {
      const rule = "is not a known key";
      faults.push({ path: [...path, key], kind: "unknown", rule, got: undefined, secret: true, known });
    }
    if (faults.length >= MAX_FAULTS) return;
  }
  for (const key of schema.required ?? []) {
    const property = schema.properties[key];
    if (property === undefined || Object.hasOwn(value, key)) continue;
    const rule = ruleOf(property);
    faults.push({ path: [...path, key], kind: "missing", rule, got: undefined, secret: false, known: [] });
  }
}

/** Whether a value without inner fields fits; lists and objects of the right kind never come here. */
function fits(schema: TSchema, value: unknown): boolean {
  if (KindGuard.IsInteger(schema)) return Number.isSafeInteger(value) && inRange(schema, value);
  if (KindGuard.IsNumber(schema)) return Number.isFinite(value) && inRange(schema, value);
  if (KindGuard.IsBoolean(schema)) return typeof value === "boolean";
  if (KindGuard.IsLiteral(schema)) return value === schema.const;
  if (KindGuard.IsNull(schema)) return value === null;
  if (KindGuard.IsUnknown(schema)) return true;
  // What its values must be is for whoever reads them to say.
  if (KindGuard.IsRecord(schema)) return isRecord(value);
  if (KindGuard.IsString(schema)) return typeof value === "string" && stringFits(schema, value);
  return false;
}

function inRange(schema: { minimum?: number; maximum?: number }, value: unknown): boolean {
  if (typeof value !== "number") return false;
  return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
}

function stringFits(schema: TString, value: string): boolean {
  // An optional text of a configuration has "" as its default, which means "not set" and has no form.
  if (value === "" && schema.required !== true && schema.default === "") return true;
  if (schema.required === true && value === "") return false;
  if (!lengthFits(schema.minLength, schema.maxLength, value)) return false;
  return patternFits(schema, value) && secretFits(schema, value);
}

function lengthFits(
  least: number | undefined,
  most: number | undefined,
  value: { readonly length: number },
): boolean {
  return value.length >= (least ?? 0) && value.length <= (most ?? Infinity);
}

function patternFits(schema: TString, value: string): boolean {
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) return false;
  return schema.format === undefined || FORMATS[schema.format]?.test(value) === true;
}

/** A secret travels in a header: visible ASCII, with spaces only inside. */
function secretFits(schema: TString, value: string): boolean {
  return schema.secret !== true || value === "" || isKey(value);
}

function fault(schema: TSchema, got: unknown, path: readonly PathPart[]): Fault {
  const secret = isSecret(schema);
  const rule =
    KindGuard.IsString(schema) && secret && typeof got === "string"
      ? "must be printable ASCII without spaces at its ends"
      : ruleOf(schema);
  const meant = typeof got === "string" && !secret ? meantBy(schema, got) : null;
  return { path, kind: "value", rule, got, secret, known: [], ...(meant === null ? {} : { meant }) };
}

function meantBy(schema: TSchema, got: string): string | null {
  const format = KindGuard.IsString(schema) ? schema.format : undefined;
  return format === undefined ? null : (FORMATS[format]?.meant?.(got) ?? null);
}

/** Whether a value of this schema, or an item of it, must not be shown. */
function isSecret(schema: TSchema): boolean {
  if (KindGuard.IsUnion(schema)) return schema.anyOf.some(isSecret);
  return schema.secret === true || (KindGuard.IsArray(schema) && isSecret(schema.items));
}
