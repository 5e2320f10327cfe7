/** Ranges of addresses in CIDR notation. */
import { type Address, parseAddress } from "./address.ts";

export { type Address, formatAddress, parseAddress } from "./address.ts";

export interface Cidr {
  readonly address: Address;
  /** Of 128 bits, also for IPv4 (96 to 128). */
  readonly prefixBits: number;
}

const ADDRESS_BITS = 128;
/** Bits in front of an IPv4 address in the mapped form. */
const MAPPED_BITS = 96;

/** Parses an address or a CIDR range; null when it is neither. Bits behind the prefix are ignored. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const address = parseAddress(addressText);
  if (address === null) return null;
  if (slash < 0) return { address, prefixBits: ADDRESS_BITS };
  const bitsText = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bitsText)) return null;
  const bits = Number(bitsText);
  // A mapped range counts its bits as IPv6: "::ffff:10.0.0.0/104" is 10.0.0.0/8. Shorter ones would mix the families.
  const prefixBits = address.family === 4 && !addressText.includes(":") ? bits + MAPPED_BITS : bits;
  const fewest = address.family === 4 ? MAPPED_BITS : 0;
  return prefixBits >= fewest && prefixBits <= ADDRESS_BITS ? { address, prefixBits } : null;
}

/** Tells whether the address is a loopback address (127.0.0.0/8, ::1); false for what is no address. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.has(address);
}

/** A list of ranges to look addresses up in. An IPv4 range holds IPv4-mapped IPv6 addresses; an IPv6 range does not. */
export class CidrSet {
  readonly size: number;
  readonly #ranges: readonly Cidr[];

  /** Throws when a text is no range: configuration is checked before. */
  constructor(texts: readonly string[]) {
    this.#ranges = texts.map((text) => {
      const cidr = parseCidr(text);
      if (cidr === null) throw new Error(`"${text}" is not an IP address or CIDR range`);
      return cidr;
    });
    this.size = texts.length;
  }

  /** Tells whether a range holds the address; false for what is no address. */
  has(address: string): boolean {
    if (this.size === 0) return false;
    const parsed = parseAddress(address);
    return parsed !== null && this.hasAddress(parsed);
  }

  /** Tells whether a range holds the address. */
  hasAddress(address: Address): boolean {
    for (const range of this.#ranges) {
      if (range.address.family === address.family && holds(range, address)) return true;
    }
    return false;
  }
}

function holds(range: Cidr, address: Address): boolean {
  let bits = range.prefixBits;
  for (let index = 0; index < 4 && bits > 0; index++) {
    const difference = (range.address.words[index] ?? 0) ^ (address.words[index] ?? 0);
    const compared = Math.min(bits, 32);
    if (difference >>> (32 - compared) !== 0) return false;
    bits -= 32;
  }
  return true;
}

const LOOPBACK = new CidrSet(["127.0.0.0/8", "::1/128"]);
