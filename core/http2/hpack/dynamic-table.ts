/** What an entry costs beyond its octets (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD = 32;

/**
 * The dynamic table of a decoder (RFC 7541 section 2.3.2): entries in order of age, the newest first, whose sizes
 * together stay within a limit. Octets lie in a buffer of twice that limit that is filled from its start again and
 * again; at no time can the living entries and the one that is added overlap.
 */
export class DynamicTable {
  /** Octets of all entries; see {@link at}. */
  readonly bytes: Buffer;
  /** Number of entries. */
  length = 0;
  /** Where the entry that {@link at} was asked for lies. */
  nameAt = 0;
  valueAt = 0;
  end = 0;
  readonly #capacity: number;
  readonly #names: Uint32Array;
  readonly #values: Uint32Array;
  readonly #ends: Uint32Array;
  /** Place of the newest entry in the arrays. */
  #newest = 0;
  #size = 0;
  #limit: number;
  #free = 0;

  /** `capacity` is the most that {@link setLimit} may allow. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#limit = capacity;
    this.bytes = Buffer.allocUnsafeSlow(2 * capacity);
    const most = Math.floor(capacity / ENTRY_OVERHEAD) + 1;
    this.#names = new Uint32Array(most);
    this.#values = new Uint32Array(most);
    this.#ends = new Uint32Array(most);
  }

  /** Changes the limit; false above the capacity. */
  setLimit(limit: number): boolean {
    if (limit > this.#capacity) return false;
    this.#limit = limit;
    this.#evict(limit);
    return true;
  }

  /** Points {@link nameAt}, {@link valueAt} and {@link end} to an entry, 0 = the newest; false when there is none. */
  at(age: number): boolean {
    if (age >= this.length) return false;
    const slot = (this.#newest + age) % this.#names.length;
    this.nameAt = this.#names[slot]!;
    this.valueAt = this.#values[slot]!;
    this.end = this.#ends[slot]!;
    return true;
  }

  /** Adds an entry, whose octets must not lie in {@link bytes}; one that is larger than the limit empties the table. */
  add(name: Uint8Array, value: Uint8Array): void {
    const octets = name.length + value.length;
    const size = octets + ENTRY_OVERHEAD;
    this.#evict(Math.max(0, this.#limit - size));
    if (size > this.#limit) return;
    if (this.#free + octets > this.bytes.length) this.#free = 0;
    const start = this.#free;
    this.bytes.set(name, start);
    this.bytes.set(value, start + name.length);
    this.#free = start + octets;
    this.#newest = (this.#newest + this.#names.length - 1) % this.#names.length;
    this.#names[this.#newest] = start;
    this.#values[this.#newest] = start + name.length;
    this.#ends[this.#newest] = start + octets;
    this.length++;
    this.#size += size;
  }

  #evict(most: number): void {
    while (this.#size > most) {
      const slot = (this.#newest + this.length - 1) % this.#names.length;
      this.#size -= this.#ends[slot]! - this.#names[slot]! + ENTRY_OVERHEAD;
      this.length--;
    }
  }
}
