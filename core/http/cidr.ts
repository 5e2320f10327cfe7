/** An address as 128 bits, most significant word first; IPv4, also mapped, is family 4 in the mapped form. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly [number, number, number, number];
}

export interface Cidr {
  readonly address: Address;
  /** Of 128 bits, also for IPv4 (96 to 128). */
  readonly prefixBits: number;
}

/** Parses an IPv4 or IPv6 address without port, brackets or zone; null when it is none. */
export function parseAddress(_text: string): Address | null {
  throw new Error("pending");
}

/** Writes an address canonically (RFC 5952); IPv4-mapped as IPv4. */
export function formatAddress(_address: Address): string {
  throw new Error("pending");
}

/** Parses an address or a CIDR range; null when it is neither. */
export function parseCidr(_text: string): Cidr | null {
  throw new Error("pending");
}

/** Tells whether the address is a loopback address; false for what is no address. */
export function isLoopback(_address: string): boolean {
  throw new Error("pending");
}

/** A list of ranges to look addresses up in. Throws when a text is no range: configuration is checked before. */
export class CidrSet {
  readonly size: number = 0;
  constructor(_texts: readonly string[]) {}
  has(_address: string): boolean {
    throw new Error("pending");
  }
  hasAddress(_address: Address): boolean {
    throw new Error("pending");
  }
}
