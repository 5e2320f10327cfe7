/** Which names a certificate, or a rule about a host, is for (RFC 6125 section 6.4, RFC 9525 section 6.3). */

/** Tells whether the pattern, a name or "*." before one, fits the name; both in lower case. */
export function fitsName(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === name;
  const dot = name.indexOf(".");
  // The asterisk stands for exactly one label, and not for none.
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}

/** Finds the entry for a name: one that has it exactly, else the first with a fitting wildcard; -1 for none. */
export function findByName(entries: readonly { readonly names: readonly string[] }[], name: string): number {
  const lower = name.toLowerCase().replace(/\.$/, "");
  const exact = entries.findIndex(({ names }) => names.includes(lower));
  return exact >= 0 ? exact : entries.findIndex(({ names }) => names.some((own) => fitsName(own, lower)));
}
