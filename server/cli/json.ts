/** Reads values of the server's answers, which may come from another version: what is not there is null. */

export type Json = Readonly<Record<string, unknown>>;

/** Gives the object that a value is; an empty one for anything else. */
export function record(value: unknown): Json {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: Json, key: string): string | null {
  const found = value[key];
  return typeof found === "string" ? found : null;
}

/** Gives a number; texts that are one, such as the original's "12.5", count. */
export function numberOf(value: Json, key: string): number | null {
  const found = value[key];
  if (typeof found === "number" && Number.isFinite(found)) return found;
  if (typeof found !== "string" || !/^-?\d+(?:\.\d+)?$/.test(found)) return null;
  return Number(found);
}

export function isOn(value: Json, key: string): boolean {
  return value[key] === true;
}

export function listOf(value: Json, key: string): readonly unknown[] {
  const found = value[key];
  return Array.isArray(found) ? found : [];
}

export function textsOf(value: Json, key: string): readonly string[] {
  return listOf(value, key).filter((each) => typeof each === "string");
}

export function numbersOf(value: Json, key: string): readonly number[] {
  return listOf(value, key).filter(
    (each): each is number => typeof each === "number" && Number.isFinite(each),
  );
}

/** The mean of some figures; null of none. */
export function mean(figures: readonly number[]): number | null {
  if (figures.length === 0) return null;
  return figures.reduce((sum, each) => sum + each, 0) / figures.length;
}
