/** What request heads and response heads share: field lines as offsets into the caller's bytes. */
import { FOLD } from "./byte-class.ts";
import { fieldKind, spells, TAKEN, UNDERSCORED } from "./field-names.ts";

export interface HeadLimits {
  /** Start line, field lines and the empty line together. */
  readonly maxHeadBytes: number;
  readonly maxTargetBytes: number;
  readonly maxHeaders: number;
}

/** Most names that a message may list in Connection; real ones list two or three. */
const MAX_NOMINATED = 32;
const FIRST_CAPACITY = 32;

/** A head under construction or complete; reusable, and valid until its next parse. One per connection and direction. */
export class MessageHead {
  bytes: Buffer = EMPTY;
  start = 0;
  /** First byte after the empty line. */
  end = 0;
  minor: 0 | 1 = 1;
  /** It came as HTTP/2; what it says is the same. */
  isHttp2 = false;
  keepAlive = false;
  /** Declared length, or -1 without one. */
  contentLength = -1;

  /** Number of field lines, and where each name and each value (without the whitespace around it) lies. */
  count = 0;
  nameStart: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  nameEnd: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  valueStart: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  valueEnd: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  /** Kind of each name, of field-names.ts. */
  kinds: Uint8Array = new Uint8Array(FIRST_CAPACITY);

  /** What Connection says (RFC 9110 section 7.6.1). */
  connectionClose = false;
  connectionKeepAlive = false;
  connectionUpgrade = false;
  nominated = 0;
  readonly nominatedStart: Uint32Array = new Uint32Array(MAX_NOMINATED);
  readonly nominatedEnd: Uint32Array = new Uint32Array(MAX_NOMINATED);

  /** State of the scan, so that it resumes where the bytes ended: 0 = before the first byte. */
  phase = 0;
  cursor = 0;
  /** Start and end of up to three parts of the start line. */
  readonly parts: Uint32Array = new Uint32Array(6);
  /** Bytes looked at since the first byte of the head: proves in tests that the scan is linear. */
  scannedBytes = 0;

  /** Forgets everything, also a parse that waits for more bytes. */
  reset(): void {
    this.phase = 0;
    this.count = 0;
    this.nominated = 0;
    this.contentLength = -1;
    this.bytes = EMPTY;
    this.isHttp2 = false;
  }

  /** What Via calls the protocol that it came with (RFC 9110 section 7.6.3). */
  get protocol(): string {
    return this.isHttp2 ? "2" : `1.${this.minor}`;
  }

  /** Prepares for a call of the parser: a new head, or the same bytes at a place that may have moved. */
  resume(bytes: Buffer, start: number): void {
    if (this.phase === 0) {
      this.count = 0;
      this.nominated = 0;
      this.cursor = start;
      this.scannedBytes = 0;
      this.connectionClose = false;
      this.connectionKeepAlive = false;
      this.connectionUpgrade = false;
      this.contentLength = -1;
    } else if (start !== this.start) {
      this.#move(start - this.start);
    }
    this.bytes = bytes;
    this.start = start;
  }

  /** Makes room for one more field line, within the caller's limit. */
  growFields(): void {
    this.nameStart = grown(this.nameStart);
    this.nameEnd = grown(this.nameEnd);
    this.valueStart = grown(this.valueStart);
    this.valueEnd = grown(this.valueEnd);
    const kinds = new Uint8Array(this.kinds.length * 2);
    kinds.set(this.kinds);
    this.kinds = kinds;
  }

  /** Ends field line `count`, whose four offsets are set. */
  endField(): void {
    const index = this.count;
    this.kinds[index] = fieldKind(this.bytes, this.nameStart[index]!, this.nameEnd[index]!);
    this.count = index + 1;
  }

  /** Notes a name that Connection lists; false when there are too many. */
  nominate(start: number, end: number): boolean {
    if (this.nominated === MAX_NOMINATED) return false;
    this.nominatedStart[this.nominated] = start;
    this.nominatedEnd[this.nominated] = end;
    this.nominated++;
    return true;
  }

  /** Tells whether Connection lists the name of field line `index`. */
  isNominated(index: number): boolean {
    const { bytes } = this;
    const start = this.nameStart[index]!;
    const length = this.nameEnd[index]! - start;
    for (let nominee = 0; nominee < this.nominated; nominee++) {
      const from = this.nominatedStart[nominee]!;
      if (this.nominatedEnd[nominee]! - from === length && sameName(bytes, start, from, length)) return true;
    }
    return false;
  }

  /** Index of the first field line of that lower-case name, from `from` on; -1 without one. What was taken out is none. */
  find(lowerName: string, from = 0): number {
    for (let index = from; index < this.count; index++) {
      if (this.kinds[index] === TAKEN) continue;
      if (spells(this.bytes, this.nameStart[index]!, this.nameEnd[index]!, lowerName)) return index;
    }
    return -1;
  }

  /** Value of the first field of that lower-case name, as latin1; null without one. */
  get(lowerName: string): string | null {
    const index = this.find(lowerName);
    return index < 0 ? null : this.value(index);
  }

  /** Values of all fields of that lower-case name, joined by ", "; null without one. */
  join(lowerName: string): string | null {
    let joined: string | null = null;
    for (let index = this.find(lowerName); index >= 0; index = this.find(lowerName, index + 1)) {
      joined = joined === null ? this.value(index) : `${joined}, ${this.value(index)}`;
    }
    return joined;
  }

  /** Name of field line `index`, as sent. */
  name(index: number): string {
    return this.bytes.toString("latin1", this.nameStart[index], this.nameEnd[index]);
  }

  /** Value of field line `index`, as latin1. */
  value(index: number): string {
    return this.bytes.toString("latin1", this.valueStart[index], this.valueEnd[index]);
  }

  /** Tells whether the name of field line `index` is a known one spelt with "_". */
  isUnderscored(index: number): boolean {
    return this.kinds[index]! >= UNDERSCORED;
  }

  /** First byte after field line `index` and its CRLF. */
  lineEnd(index: number): number {
    return index + 1 < this.count ? this.nameStart[index + 1]! : this.end - 2;
  }

  #move(by: number): void {
    this.cursor += by;
    // The line under construction has offsets too.
    for (let index = 0; index <= this.count && index < this.nameStart.length; index++) {
      this.nameStart[index] = this.nameStart[index]! + by;
      this.nameEnd[index] = this.nameEnd[index]! + by;
      this.valueStart[index] = this.valueStart[index]! + by;
      this.valueEnd[index] = this.valueEnd[index]! + by;
    }
    for (let part = 0; part < this.parts.length; part++) this.parts[part] = this.parts[part]! + by;
  }
}

const EMPTY = Buffer.alloc(0);

function grown(offsets: Uint32Array): Uint32Array {
  const larger = new Uint32Array(offsets.length * 2);
  larger.set(offsets);
  return larger;
}

function sameName(bytes: Buffer, left: number, right: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (FOLD[bytes[left + index]!] !== FOLD[bytes[right + index]!]) return false;
  }
  return true;
}
