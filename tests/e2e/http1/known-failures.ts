import type { Upstream } from "../../conformance/stand.ts";

/** The rows that the product does not meet, each with its reason. A row that begins to pass must leave this list. */
export const KNOWN_FAILURES: Readonly<Record<string, string>> = {};

/**
 * Compares a verdict with the list: gives null when both agree. A row may stand there for one way of the backend's
 * connections alone, as `id (kept)`.
 */
export function unexpected(id: string, verdict: string | null, upstream: Upstream = "kept"): string | null {
  const known = KNOWN_FAILURES[id] ?? KNOWN_FAILURES[`${id} (${upstream})`];
  if (known === undefined) return verdict;
  return verdict === null ? `${id} passes: take it off the list of known failures` : null;
}
