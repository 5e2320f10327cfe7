/**
 * Whether an authority (`Host`) is one that only this host has: an address, localhost, or a name without a dot, which
 * nobody can register. A page of another name could come from anywhere and resolve to this host (DNS rebinding).
 */
export function isOwnAuthority(authority: string): boolean {
  const name = hostName(authority);
  const isAddress = name.includes(":") || /^[\d.]+$/.test(name);
  return isAddress || !name.includes(".") || name.endsWith(".localhost");
}

/** The name of an authority, without port and brackets. */
function hostName(authority: string): string {
  const name = authority.startsWith("[")
    ? authority.slice(1, authority.indexOf("]"))
    : authority.replace(/:\d*$/, "");
  return name.toLowerCase();
}
