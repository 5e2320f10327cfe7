/** The authority of a request: host and port (RFC 9110 section 7.2, RFC 3986 section 3.2). */
import { CLASS, HOST } from "./byte-class.ts";
import { parseAddress } from "./cidr.ts";

const MAX_AUTHORITY_BYTES = 255 + 6;

/**
 * Tells whether the text is `host` or `host:port`: a name of letters, digits, "-", ".", "_" and "~", an IPv4
 * address or an IPv6 address in brackets. User information, lists, percent-escapes and zone ids are refused.
 */
export function isAuthority(text: string): boolean {
  if (text.length === 0 || text.length > MAX_AUTHORITY_BYTES) return false;
  const hostEnd = text.charCodeAt(0) === 0x5b ? bracketEnd(text) : nameEnd(text);
  if (hostEnd <= 0) return false;
  return hostEnd === text.length || isPort(text, hostEnd);
}

function nameEnd(text: string): number {
  let at = 0;
  while (at < text.length && ((CLASS[text.charCodeAt(at)] ?? 0) & HOST) !== 0) at++;
  return at;
}

function bracketEnd(text: string): number {
  const close = text.indexOf("]");
  return close > 0 && isIpv6(text.slice(1, close)) ? close + 1 : -1;
}

function isIpv6(text: string): boolean {
  return text.includes(":") && parseAddress(text) !== null;
}

/** ":" and up to five digits; none at all is legal (RFC 3986 section 3.2.3). */
function isPort(text: string, colon: number): boolean {
  if (text.charCodeAt(colon) !== 0x3a || text.length - colon > 6) return false;
  let port = 0;
  for (let at = colon + 1; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
