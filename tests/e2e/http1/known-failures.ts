import type { Upstream } from "./stand.ts";

/** The rows that the product does not meet, each with its reason. A row that begins to pass must leave this list. */
export const KNOWN_FAILURES: Readonly<Record<string, string>> = {
  ...responses(
    [61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 79, 80, 81, 82, 83, 85, 86, 87, 90],
    "the head is passed on before the first chunk is read, so that the answer is cut short instead of a 502",
  ),
  "C-59 list (kept)": "NTLM is seen only as the first scheme of a WWW-Authenticate line",
};

/**
 * Compares a verdict with the list: gives null when both agree. A row may stand there for one way of the backend's
 * connections alone, as `id (kept)`.
 */
export function unexpected(id: string, verdict: string | null, upstream: Upstream = "kept"): string | null {
  const known = KNOWN_FAILURES[id] ?? KNOWN_FAILURES[`${id} (${upstream})`];
  if (known === undefined) return verdict;
  return verdict === null ? `${id} passes: take it off the list of known failures` : null;
}

function responses(rows: readonly number[], reason: string): Readonly<Record<string, string>> {
  return Object.fromEntries(rows.map((row) => [`S${row} as response`, reason]));
}
