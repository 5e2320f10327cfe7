/** Names that a certificate may be for. */
import { isIP } from "node:net";

export interface SubjectName {
  readonly type: "dns" | "ip";
  readonly value: string;
}

/** A label of a host name (RFC 1123 section 2.1); the first one may be the star of RFC 6125 section 6.4.3. */
const HOST =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** Tells an address from a host name; null for what is neither. */
export function nameOf(text: string): SubjectName | null {
  const address = text.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) !== 0) return { type: "ip", value: address };
  // Four numbers that are no address are a mistake, not a name.
  return HOST.test(text) && !/^[\d.]+$/.test(text) ? { type: "dns", value: text.toLowerCase() } : null;
}
