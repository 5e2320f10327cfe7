/** Whether a stored response may answer a request (RFC 9111 section 4). Time is an argument, in milliseconds. */
import type { RequestDirectives } from "./directives.ts";
import type { UseRules } from "./judge.ts";

/**
 * fresh: it answers. stale: it answers although it is not fresh, as the client allows. refresh: it answers, and is to be
 * asked for again meanwhile. ask: the backend has to be asked.
 */
export type Reuse = "fresh" | "stale" | "refresh" | "ask";

const SECOND_MS = 1000;

/** Age of a stored response (`current_age`, RFC 9111 section 4.2.3). */
export function ageAt(use: UseRules, nowMs: number): number {
  return use.initialAgeMs + Math.max(0, nowMs - use.receivedMs);
}

/** Time for which it is still fresh; below 0 since when it is not. */
export function freshFor(use: UseRules, nowMs: number): number {
  return use.lifetimeMs - ageAt(use, nowMs);
}

/** Says what may be done with a stored response. */
export function reuse(use: UseRules, wishes: RequestDirectives, nowMs: number): Reuse {
  if (use.alwaysAsks || wishes.noCache) return "ask";
  const ageMs = ageAt(use, nowMs);
  // An age of nothing cannot be met by what was stored: a reload is meant.
  if (wishes.maxAge === 0 || (wishes.maxAge > 0 && ageMs > wishes.maxAge * SECOND_MS)) return "ask";
  const leftMs = use.lifetimeMs - ageMs;
  if (wishes.minFresh >= 0 && leftMs < wishes.minFresh * SECOND_MS) return "ask";
  if (leftMs > 0) return "fresh";
  if (use.neverStale) return "ask";
  if (-leftMs < use.staleWhileRevalidateMs) return "refresh";
  return wishes.maxStale >= 0 && -leftMs <= wishes.maxStale * SECOND_MS ? "stale" : "ask";
}

/** Says whether it may answer because no backend does, or one with an error (RFC 5861 section 4). */
export function mayReplaceError(use: UseRules, wishes: RequestDirectives, nowMs: number): boolean {
  if (use.neverStale || use.alwaysAsks) return false;
  const staleMs = -freshFor(use, nowMs);
  return staleMs < Math.max(use.staleIfErrorMs, wishes.staleIfError * SECOND_MS);
}
