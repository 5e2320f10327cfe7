/** The Cache-Status field (RFC 9211): what the cache did with a request. */

/** Why a request went on to a backend (RFC 9211 section 2.2). */
export type Forwarding = "bypass" | "method" | "uri-miss" | "vary-miss" | "stale" | "request" | "partial";

const NAME = "Opsen";

/** A response from the store; `ttlSeconds` below 0 when it is stale. */
export function hitStatus(ttlSeconds: number, detail = ""): string {
  return `${NAME}; hit; ttl=${ttlSeconds}${detail === "" ? "" : `; detail=${detail}`}`;
}

/** A response that was fetched. */
export function forwardStatus(
  why: Forwarding,
  more: { readonly status?: number; readonly isStored?: boolean; readonly isCollapsed?: boolean } = {},
): string {
  let text = `${NAME}; fwd=${why}`;
  if (more.status !== undefined) text += `; fwd-status=${more.status}`;
  if (more.isStored === true) text += "; stored";
  if (more.isCollapsed === true) text += "; collapsed";
  return text;
}
