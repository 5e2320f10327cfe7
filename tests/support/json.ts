/** Reading of decoded JSON without casts: a wrong shape fails the test with what was there instead. */

export type Json = Record<string, unknown>;

export function record(value: unknown): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`expected an object, got ${JSON.stringify(value)}`);
  }
  return { ...value };
}

export function array(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`expected an array, got ${JSON.stringify(value)}`);
  return [...(value as readonly unknown[])];
}

export function records(value: unknown): Json[] {
  return array(value).map(record);
}

export function string(value: unknown): string {
  if (typeof value !== "string") throw new Error(`expected a string, got ${JSON.stringify(value)}`);
  return value;
}

export function number(value: unknown): number {
  if (typeof value !== "number") throw new Error(`expected a number, got ${JSON.stringify(value)}`);
  return value;
}
