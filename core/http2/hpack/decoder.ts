/** Header blocks to fields (RFC 7541 sections 3 and 6). */
import { DynamicTable } from "./dynamic-table.ts";
import { huffmanDecode } from "./huffman.ts";
import { IntegerReader } from "./integer.ts";
import { STATIC_BYTES, STATIC_END, STATIC_NAME_AT, STATIC_SIZE, STATIC_VALUE_AT } from "./static-table.ts";

/** Takes the fields of a block one by one; the octets are valid during the call only. */
export interface FieldSink {
  field(
    nameBytes: Buffer,
    nameStart: number,
    nameEnd: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void;
}

/** Bits that tell the representations apart, and the size of the prefix behind them. */
const INDEXED = 0x80;
const WITH_INDEXING = 0x40;
const SIZE_UPDATE = 0x20;
const HUFFMAN = 0x80;
const FIRST_SCRATCH = 512;

/** The decoding half of one direction of a connection: blocks must be given in order, and every one of them. */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #integer = new IntegerReader();
  /** Decoded Huffman strings of the field at hand. */
  #scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH);
  #used = 0;
  /** The name and the value of the field at hand. */
  #nameBytes = STATIC_BYTES;
  #nameStart = 0;
  #nameEnd = 0;
  #valueBytes = STATIC_BYTES;
  #valueStart = 0;
  #valueEnd = 0;

  /** `tableSize` is what we have announced as SETTINGS_HEADER_TABLE_SIZE. */
  constructor(tableSize: number) {
    this.#table = new DynamicTable(tableSize);
  }

  /** Decodes a whole block, bytes[start, end); false is a COMPRESSION_ERROR of the connection. */
  decode(bytes: Buffer, start: number, end: number, sink: FieldSink): boolean {
    let at = start;
    // Changes of the table's size come before the first field (section 4.2).
    let mayResize = true;
    while (at < end) {
      this.#used = 0;
      const first = bytes[at]!;
      if ((first & INDEXED) !== 0) {
        at = this.#integer.read(bytes, at, end, 7);
        if (at < 0 || !this.#lookUp(this.#integer.value, true)) return false;
      } else if ((first & 0xe0) === SIZE_UPDATE) {
        at = this.#integer.read(bytes, at, end, 5);
        if (at < 0 || !mayResize || !this.#table.setLimit(this.#integer.value)) return false;
        continue;
      } else {
        const isIndexing = (first & WITH_INDEXING) !== 0;
        at = this.#readLiteral(bytes, at, end, isIndexing ? 6 : 4);
        if (at < 0) return false;
        if (isIndexing) this.#add();
      }
      mayResize = false;
      sink.field(
        this.#nameBytes,
        this.#nameStart,
        this.#nameEnd,
        this.#valueBytes,
        this.#valueStart,
        this.#valueEnd,
      );
    }
    return true;
  }

  /** Takes the name, or name and value, of an entry of either table (section 2.3.3). */
  #lookUp(index: number, withValue: boolean): boolean {
    const table = this.#table;
    const isStatic = index <= STATIC_SIZE;
    if (index === 0 || (!isStatic && !table.at(index - STATIC_SIZE - 1))) return false;
    const bytes = isStatic ? STATIC_BYTES : table.bytes;
    const valueAt = isStatic ? STATIC_VALUE_AT[index]! : table.valueAt;
    this.#nameBytes = bytes;
    this.#nameStart = isStatic ? STATIC_NAME_AT[index]! : table.nameAt;
    this.#nameEnd = valueAt;
    if (!withValue) return true;
    this.#valueBytes = bytes;
    this.#valueStart = valueAt;
    this.#valueEnd = isStatic ? STATIC_END[index]! : table.end;
    return true;
  }

  #readLiteral(bytes: Buffer, start: number, end: number, prefix: number): number {
    let at = this.#integer.read(bytes, start, end, prefix);
    if (at < 0) return -1;
    if (this.#integer.value > 0) {
      if (!this.#lookUp(this.#integer.value, false)) return -1;
    } else {
      at = this.#readString(bytes, at, end);
      if (at < 0) return -1;
      this.#nameBytes = this.#valueBytes;
      this.#nameStart = this.#valueStart;
      this.#nameEnd = this.#valueEnd;
    }
    return this.#readString(bytes, at, end);
  }

  /** Reads a string into the place of the value; returns the position after it, or -1. */
  #readString(bytes: Buffer, start: number, end: number): number {
    if (start >= end) return -1;
    const isCoded = (bytes[start]! & HUFFMAN) !== 0;
    const at = this.#integer.read(bytes, start, end, 7);
    const length = this.#integer.value;
    if (at < 0 || length > end - at) return -1;
    this.#valueBytes = bytes;
    this.#valueStart = at;
    this.#valueEnd = at + length;
    if (!isCoded) return at + length;
    const from = this.#used;
    this.#makeRoom(Math.ceil((length * 8) / 5));
    this.#used = huffmanDecode(bytes, at, at + length, this.#scratch, from);
    this.#valueBytes = this.#scratch;
    this.#valueStart = from;
    this.#valueEnd = this.#used;
    return this.#used < 0 ? -1 : at + length;
  }

  #makeRoom(more: number): void {
    if (this.#used + more <= this.#scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#used + more));
    this.#scratch.copy(larger, 0, 0, this.#used);
    // A name that was decoded before this value stays where it is.
    this.#scratch = larger;
  }

  #add(): void {
    const value = this.#valueBytes.subarray(this.#valueStart, this.#valueEnd);
    let name = this.#nameBytes.subarray(this.#nameStart, this.#nameEnd);
    if (this.#nameBytes === this.#table.bytes) {
      // Of an entry that adding may evict and overwrite (section 4.4).
      name = Buffer.from(name);
      this.#nameBytes = name;
      this.#nameStart = 0;
      this.#nameEnd = name.length;
    }
    this.#table.add(name, value);
  }
}
