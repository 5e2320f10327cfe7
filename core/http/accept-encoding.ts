/** Accept-Encoding (RFC 9110 section 12.5.3): which coding a client prefers of those that we can make. */

/** Codings that we make, by the names that HTTP has for them (RFC 9110 section 8.4.1, RFC 7932, RFC 8878). */
export const CONTENT_CODINGS = ["zstd", "br", "gzip"] as const;
export type ContentCoding = (typeof CONTENT_CODINGS)[number];

/** `name;q=0.5`, with a weight of at most three decimals (RFC 9110 section 12.4.2). */
const MEMBER = /^([!#$%&'*+.^`|~\w-]+)[ \t]*(?:;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i;

/**
 * Chooses the coding of the highest weight; among equals the first of `offered`. "" = as it is: the client wants no
 * other, says nothing, or prefers `identity`. A member that is malformed counts as absent. `value` is null without the
 * field; several fields are joined.
 */
export function preferredCoding(value: string | null, offered: readonly ContentCoding[]): ContentCoding | "" {
  if (value === null) return "";
  const weights = weightsOf(value);
  const others = weights.get("*") ?? 0;
  let best: ContentCoding | "" = "";
  let bestWeight = 0;
  for (const coding of offered) {
    const weight = weights.get(coding) ?? others;
    if (weight > bestWeight) {
      best = coding;
      bestWeight = weight;
    }
  }
  // Unless it is listed, identity is acceptable, but a coding that is listed is what the client asks for.
  return bestWeight < (weights.get("identity") ?? 0) ? "" : best;
}

/** Weights by name; of a name that is listed twice the first counts. */
function weightsOf(value: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const member of value.split(",")) {
    const match = MEMBER.exec(member.trim());
    if (match === null) continue;
    const name = (match[1] ?? "").toLowerCase();
    // RFC 9110 section 8.4.1.3.
    const coding = name === "x-gzip" ? "gzip" : name;
    if (!weights.has(coding)) weights.set(coding, match[2] === undefined ? 1 : Number(match[2]));
  }
  return weights;
}
