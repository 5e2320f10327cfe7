/** Which requests a stored response with Vary answers (RFC 9111 section 4.1). */

/** Lists whose order means nothing and whose case does not count. */
const SETS: ReadonlySet<string> = new Set(["accept-encoding", "accept-language", "accept-charset"]);
/** Longer values, which no browser sends, count as they are. */
const MAX_NORMALISED = 1024;
const ABSENT = "\u0001";

/** Gives the value of a request's field by lower-case name, lines joined by ", "; null without it. */
export type FieldLookup = (name: string) => string | null;

/** The names of a Vary value, in lower case, without duplicates. */
export function varyNames(vary: string): string[] {
  const names = vary.split(",").map((name) => name.trim().toLowerCase());
  return [...new Set(names.filter((name) => name !== ""))].toSorted();
}

/** Says whether a Vary value fits no later request at all: each has another id. */
export function isVaryAny(vary: string): boolean {
  return vary.split(",").some((part) => {
    const name = part.trim().toLowerCase();
    return name === "*" || name === "x-request-id";
  });
}

/** What a request says in those fields, as one text: equal texts are equally answered. */
export function variantKey(names: readonly string[], fields: FieldLookup): string {
  let key = "";
  for (const name of names) key += `${normalised(name, fields(name))}\u0000`;
  return key;
}

function normalised(name: string, value: string | null): string {
  if (value === null) return ABSENT;
  if (value.length > MAX_NORMALISED) return value;
  const members = value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (!SETS.has(name)) return members.join(",");
  return members
    .map((member) => member.toLowerCase().replaceAll(/[ \t]+/g, ""))
    .toSorted()
    .join(",");
}
