/** IP addresses as numbers (RFC 4291, RFC 5952). */

/** An address as 128 bits, most significant word first; IPv4, also mapped, is family 4 in the mapped form. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly [number, number, number, number];
}

const MAPPED = 0xffff;
const GROUPS = 8;
const LONGEST = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length;

/** Parses an IPv4 or IPv6 address without port, brackets or zone; null when it is none. */
export function parseAddress(text: string): Address | null {
  if (text.length < 2 || text.length > LONGEST) return null;
  if (text.includes(":")) return parseIpv6(text);
  const ipv4 = parseIpv4(text);
  return ipv4 < 0 ? null : { family: 4, words: [0, 0, MAPPED, ipv4] };
}

/** Writes an address canonically (RFC 5952); IPv4-mapped as IPv4. */
export function formatAddress(address: Address): string {
  const { words } = address;
  if (address.family === 4) {
    const word = words[3];
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const zeros = longestZeros(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  if (zeros.length < 2) return hex(0, GROUPS);
  return `${hex(0, zeros.start)}::${hex(zeros.start + zeros.length, GROUPS)}`;
}

/** Four decimal numbers without leading zeros (an old reader would take them for octal); -1 for anything else. */
function parseIpv4(text: string): number {
  let value = 0;
  let part = -1;
  let parts = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? 0x2e : text.charCodeAt(at);
    if (code === 0x2e) {
      if (part < 0 || ++parts > 4) return -1;
      value = value * 256 + part;
      part = -1;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || part === 0) return -1;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return -1;
  }
  return parts === 4 ? value : -1;
}

function parseIpv6(text: string): Address | null {
  const gap = text.indexOf("::");
  if (gap >= 0 && text.includes("::", gap + 1)) return null;
  const left = parseGroups(gap < 0 ? text : text.slice(0, gap), gap < 0);
  const right = gap < 0 ? [] : parseGroups(text.slice(gap + 2), true);
  if (left === null || right === null) return null;
  const missing = GROUPS - left.length - right.length;
  // "::" stands for at least one group.
  if (gap < 0 ? missing !== 0 : missing < 1) return null;
  const groups = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  const word = (index: number): number =>
    (((groups[index * 2] ?? 0) << 16) | (groups[index * 2 + 1] ?? 0)) >>> 0;
  const words = [word(0), word(1), word(2), word(3)] as const;
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === MAPPED;
  return { family: mapped ? 4 : 6, words };
}

/** Groups between colons; only the last may be an IPv4 address, and only where the address ends. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (mayEndInIpv4 && index === parts.length - 1 && part.includes(".")) {
      const ipv4 = parseIpv4(part);
      if (ipv4 < 0) return null;
      groups.push(Math.floor(ipv4 / 65_536), ipv4 % 65_536);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** The longest run of zero groups, the first of equals (RFC 5952 section 4.2). */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
