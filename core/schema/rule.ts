/** Says in words what a schema demands, and shows in short what was there instead. */
import { KindGuard, type TSchema, type TString } from "@sinclair/typebox";
import { FORMATS } from "./formats.ts";

const MAX_SHOWN = 60;

/** The rule of a schema as a sentence about a field, such as "must be a whole number from 1 to 3600". */
export function ruleOf(schema: TSchema): string {
  return `must be ${expectation(schema)}`;
}

function expectation(schema: TSchema): string {
  if (KindGuard.IsInteger(schema)) return `a whole number${range(schema.minimum, schema.maximum)}`;
  if (KindGuard.IsNumber(schema)) return `a number${range(schema.minimum, schema.maximum)}`;
  if (KindGuard.IsBoolean(schema)) return "true or false";
  if (KindGuard.IsLiteral(schema)) return String(schema.const);
  if (KindGuard.IsNull(schema)) return "null";
  if (KindGuard.IsString(schema)) return stringExpectation(schema);
  if (KindGuard.IsArray(schema)) {
    return `a list${countWords(schema.minItems, schema.maxItems)}`;
  }
  if (KindGuard.IsObject(schema)) return "an object (keys and values)";
  if (KindGuard.IsUnion(schema)) return unionExpectation(schema.anyOf);
  return "a valid value";
}

/** Shows a value in a message: cut, on one line, in JSON's notation. */
export function showGot(value: unknown): string {
  const short = shortened(value);
  if (typeof short === "string" && (Array.isArray(value) || (typeof value === "object" && value !== null))) {
    return short;
  }
  return typeof short === "number" ? String(short) : (JSON.stringify(short) ?? "nothing");
}

/** A value small enough to be repeated to its sender: long strings cut, lists and objects named only. */
export function shortened(value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value.length <= MAX_SHOWN ? value : `${value.slice(0, MAX_SHOWN)}…`;
  // JSON has no infinity: 1e999 is shown as text.
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" ? "an object" : typeof value;
}

function stringExpectation(schema: TString): string {
  // What a pattern means is said by whoever wrote it.
  if (typeof schema.expected === "string") return schema.expected;
  const format = schema.format === undefined ? undefined : FORMATS[schema.format];
  if (format !== undefined) return format.expected;
  const length = lengthWords(schema.minLength, schema.maxLength);
  // A pattern of one character class is said as its characters: "^[a-z0-9]+$" is "out of a-z0-9".
  const characters = schema.pattern === undefined ? null : /^\^\[(.+)\][+*]\$$/.exec(schema.pattern);
  if (characters?.[1] !== undefined) return `text${length} out of ${characters[1]}`;
  if (schema.pattern !== undefined) return `text${length} of the form ${schema.pattern}`;
  return `text${length}`;
}

function lengthWords(least: number | undefined, most: number | undefined): string {
  const count = countWords(least, most);
  return count === "" ? "" : `${count} characters`;
}

function countWords(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return least === undefined ? "" : ` of at least ${least}`;
  return least === undefined || least === 0 ? ` of at most ${most}` : ` of ${least} to ${most}`;
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined) return maximum === undefined ? "" : ` up to ${maximum}`;
  return maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`;
}

function unionExpectation(variants: readonly TSchema[]): string {
  const words = variants.map(expectation);
  if (words.length <= 1) return words.join("");
  const head = words.slice(0, -1).join(", ");
  return `${variants.every((v) => KindGuard.IsLiteral(v)) ? "one of " : ""}${head} or ${words.at(-1)}`;
}
