/** Who may speak for a backend's id. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** What is kept of the token that was handed out with the last registration. */
export interface Ownership {
  /** SHA-256 in hex; null for a backend from a database of the original. */
  readonly tokenHash: string | null;
  /** Whether the token ever came back. The original's agents do not know of it, so it never does from them. */
  readonly tokenShown: boolean;
}

/** Who calls for a backend. */
export interface Caller {
  /** The agent token that the call shows; null without one. */
  readonly token: string | null;
  /** Its key may manage any backend. */
  readonly isAdmin: boolean;
}

export type Claim = "holder" | "anonymous" | "stranger";

/** Makes a token for an agent and the hash that is kept of it. */
export function newToken(): { readonly token: string; readonly tokenHash: string } {
  const token = randomBytes(32).toString("hex");
  return { token, tokenHash: hashToken(token) };
}

/** Tells whose a caller is: `stranger` shows a token that is not the id's. */
export function claimOf(ownership: Ownership, token: string | null): Claim {
  if (token === null || token === "") return "anonymous";
  if (ownership.tokenHash === null) return "stranger";
  const shown = Buffer.from(hashToken(token), "hex");
  const kept = Buffer.from(ownership.tokenHash, "hex");
  return shown.length === kept.length && timingSafeEqual(shown, kept) ? "holder" : "stranger";
}

/**
 * Tells whether a registration may take the place of a living one. The holder of the token always may. Without
 * it, an id whose token was shown is held. One whose token never came back belongs to an agent that does not know
 * tokens: it may register again, but only to say the same, or else anybody could draw its traffic away. What
 * changed its address is let in once the old one is stale or unhealthy.
 */
export function mayReplace(
  ownership: Ownership,
  claim: Claim,
  holder: { readonly isAlive: boolean; readonly hasSameEndpoints: boolean },
): boolean {
  if (claim === "holder" || !holder.isAlive) return true;
  if (ownership.tokenShown) return false;
  return holder.hasSameEndpoints;
}

/** Tells whether a report is the agent's own. */
export function maySpeak(ownership: Ownership, claim: Claim): boolean {
  if (claim === "holder") return true;
  return claim === "anonymous" && !ownership.tokenShown;
}

/**
 * Tells whether a caller may remove or drain a backend. Its own agent shows the token; who shows none must be an
 * administrator, who may do it to any.
 */
export function mayManage(ownership: Ownership, { token, isAdmin }: Caller): boolean {
  const claim = claimOf(ownership, token);
  return claim === "holder" || (claim === "anonymous" && isAdmin);
}

function hashToken(token: string): string {
  return createHash("sha256").update(token, "latin1").digest("hex");
}
