/** The Cache-Status field (RFC 9211): what the cache did with a request. */

/** Why a request went on to a backend (RFC 9211 section 2.2). */
export type Forwarding = "bypass" | "method" | "uri-miss" | "vary-miss" | "stale" | "request" | "partial";

const NAME = "Opsen";

/** What else is told of a request that went on. */
export interface Forwarded {
  /** Of the backend's response. */
  readonly status?: number;
  readonly isStored?: boolean;
  /** Another request for the same was answered, and this one with it. */
  readonly isCollapsed?: boolean;
  /** Of the stored response that the client gets after all. */
  readonly ttlSeconds?: number;
  /** A token. */
  readonly detail?: string;
}

/** A response from the store; `ttlSeconds` is below 0 when it is stale. */
export function hitStatus(ttlSeconds: number): string {
  return `${NAME}; hit; ttl=${ttlSeconds}`;
}

/** A response for which a backend was asked, by this request or by another. */
export function forwardStatus(why: Forwarding, more: Forwarded = {}): string {
  let text = `${NAME}; fwd=${why}`;
  if (more.status !== undefined) text += `; fwd-status=${more.status}`;
  if (more.ttlSeconds !== undefined) text += `; ttl=${more.ttlSeconds}`;
  if (more.isStored === true) text += "; stored";
  if (more.isCollapsed === true) text += "; collapsed";
  if (more.detail !== undefined) text += `; detail=${more.detail}`;
  return text;
}
