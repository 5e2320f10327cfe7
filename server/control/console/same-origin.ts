/** Tells calls of the console's own pages from those that other pages have a browser make. */

/** What the console's scripts send with every call; a form cannot, and a script of another origin must ask first. */
const CALL_HEADER = "X-Requested-With";
const CALL_VALUE = "opsen-console";

/** Whether the page that makes this request, if a page does, is one of ours. */
export function isSameOrigin(headers: Headers): boolean {
  const site = headers.get("Sec-Fetch-Site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = headers.get("Origin");
  if (origin === null) return true;
  // The worker says which authority was asked; a relay in front may have changed the scheme, never the host.
  const host = headers.get("X-Forwarded-Host") ?? "";
  const asked = hostOf(`http://${host}`);
  return asked !== null && hostOf(origin) === asked;
}

/** Whether this is a call of our scripts. */
export function isOwnCall(headers: Headers): boolean {
  return headers.get(CALL_HEADER) === CALL_VALUE && isSameOrigin(headers);
}

/** Name and port in lower case; a port that is its scheme's own counts as none. Null for what is no origin. */
function hostOf(origin: string): string | null {
  const match = /^(https?):\/\/([^/?#@]+)$/i.exec(origin);
  if (match === null) return null;
  return (match[2] ?? "").toLowerCase().replace(/:(?:80|443)$/, "");
}
