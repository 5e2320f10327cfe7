import { type Hash64, hashText } from "./keyed-hash.ts";

/**
 * Gives the key under which an address is rate limited: an IPv4 address (also one mapped into IPv6) by itself,
 * an IPv6 address by its /64, which is what one customer gets (RFC 6177). Other texts are hashed.
 */
export function rateKey(address: string): Hash64 {
  const v4 = parseIpv4(address);
  if (v4 >= 0) {
    // As the first 64 bits of an IPv6 address this lies in 0000::/8, which is reserved: no clash.
    return { hi: 0, lo: v4 };
  }
  return ipv6Prefix(address) ?? hashText(address, 0, 0);
}

/** The address as a number, or -1. */
function parseIpv4(text: string): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else if (code >= 0x30 && code <= 0x39) {
      octet = (octet < 0 ? 0 : octet * 10) + code - 0x30;
      if (octet > 255) return -1;
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

function ipv6Prefix(text: string): Hash64 | null {
  const zone = text.indexOf("%");
  const plain = zone < 0 ? text : text.slice(0, zone);
  if (!/^[0-9a-f:.]{2,45}$/i.test(plain) || !plain.includes(":")) return null;
  const mapped = /^(?:0{0,4}:){2,5}ffff:([0-9.]+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) {
    const v4 = parseIpv4(mapped);
    return v4 < 0 ? null : { hi: 0, lo: v4 };
  }
  const gap = plain.indexOf("::");
  const head = groups(gap < 0 ? plain : plain.slice(0, gap));
  const tail = gap < 0 ? [] : groups(plain.slice(gap + 2));
  if (gap < 0 ? head.length !== 8 : head.length + tail.length > 7) return null;
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  const [a = 0, b = 0, c = 0, d = 0] = all;
  return { hi: a * 65_536 + b, lo: c * 65_536 + d };
}

/** The 16-bit groups of a part without "::"; a dotted quad at the end counts as two. */
function groups(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    const v4 = group.includes(".") ? parseIpv4(group) : -1;
    return v4 < 0 ? [Number.parseInt(group, 16) & 0xffff] : [Math.floor(v4 / 65_536), v4 % 65_536];
  });
}
