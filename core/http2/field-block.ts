/** The fields of one header block, gathered as the lines of a head and checked one by one (RFC 9113 section 8.2). */
import { CLASS, COLON, CR, LF, SP, TAB, TOKEN, VALUE } from "../http/byte-class.ts";
import {
  CONNECTION,
  COOKIE,
  fieldKind,
  HOST_FIELD,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  spells,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from "../http/field-names.ts";
import type { HeadLimits, MessageHead } from "../http/message-head.ts";
import type { FieldSink } from "./hpack/decoder.ts";

/** What a block is: it decides which pseudo-fields it may have. */
export type BlockKind = "request" | "response" | "trailers";

const PSEUDO: Readonly<Record<BlockKind, readonly string[]>> = {
  request: [":method", ":scheme", ":authority", ":path"],
  response: [":status"],
  trailers: [],
};

/** What HPACK counts for a field beside its octets; it is also above what the line needs. */
const FIELD_OVERHEAD = 32;
const FIRST_ARENA = 1024;

/** A block under construction or complete; one per connection, reused for each block. */
export class FieldBlock implements FieldSink {
  /** Why the message is malformed, from a closed list of texts; "" while it is not. */
  fault = "";
  /** More octets or fields than a head may have; the rest was decoded and forgotten. */
  isTooLarge = false;
  /** Values of the pseudo-fields, as latin1; null = absent. */
  readonly pseudo = new Map<string, string>();
  /** Value of Host in a request; null without one. */
  host: string | null = null;
  #kind: BlockKind = "request";
  #limits: HeadLimits = { maxHeadBytes: 0, maxTargetBytes: 0, maxHeaders: 0 };
  #arena = Buffer.allocUnsafeSlow(FIRST_ARENA);
  #length = 0;
  #size = 0;
  #count = 0;
  #hasFields = false;
  /** Offsets of name start, name end, value start and value end, four for each field. */
  #offsets = new Uint32Array(64);
  #cookies: string[] = [];

  begin(kind: BlockKind, limits: HeadLimits): void {
    this.#kind = kind;
    this.#limits = limits;
    this.fault = "";
    this.isTooLarge = false;
    this.host = null;
    this.pseudo.clear();
    this.#length = 0;
    this.#size = 0;
    this.#count = 0;
    this.#hasFields = false;
    this.#cookies = [];
  }

  field(
    nameBytes: Buffer,
    nameStart: number,
    nameEnd: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#size += nameEnd - nameStart + (valueEnd - valueStart) + FIELD_OVERHEAD;
    if (this.#size > this.#limits.maxHeadBytes) this.isTooLarge = true;
    // A faulty or too large block is decoded to its end all the same, to keep the tables of both sides in step.
    if (this.fault !== "" || this.isTooLarge) return;
    this.fault = valueFault(valueBytes, valueStart, valueEnd);
    if (this.fault !== "") return;
    if (nameBytes[nameStart] === COLON && nameEnd > nameStart) {
      const name = nameBytes.toString("latin1", nameStart, nameEnd);
      this.#addPseudo(name, valueBytes.toString("latin1", valueStart, valueEnd));
      return;
    }
    this.#hasFields = true;
    this.fault = nameFault(nameBytes, nameStart, nameEnd);
    if (this.fault !== "") return;
    const kind = fieldKind(nameBytes, nameStart, nameEnd);
    if (kind === 0 || !this.#isSpecial(kind, valueBytes, valueStart, valueEnd)) {
      this.#addLine(nameBytes, nameStart, nameEnd, valueBytes, valueStart, valueEnd);
    }
  }

  /** Writes the fields into a head as if they had been read from lines; their octets are the head's own. */
  copyTo(head: MessageHead): void {
    this.#joinCookies();
    const bytes = Buffer.allocUnsafe(this.#length + 2);
    this.#arena.copy(bytes, 0, 0, this.#length);
    bytes[this.#length] = CR;
    bytes[this.#length + 1] = LF;
    head.reset();
    head.resume(bytes, 0);
    for (let index = 0; index < this.#count; index++) {
      if (index >= head.nameStart.length) head.growFields();
      head.nameStart[index] = this.#offsets[4 * index]!;
      head.nameEnd[index] = this.#offsets[4 * index + 1]!;
      head.valueStart[index] = this.#offsets[4 * index + 2]!;
      head.valueEnd[index] = this.#offsets[4 * index + 3]!;
      head.endField();
    }
    head.end = this.#length + 2;
    head.minor = 1;
    head.isHttp2 = true;
  }

  #addPseudo(name: string, value: string): void {
    if (this.#hasFields) this.fault = "pseudo-field behind a field";
    else if (!PSEUDO[this.#kind].includes(name)) this.fault = "unknown pseudo-field";
    else if (this.pseudo.has(name)) this.fault = "pseudo-field given twice";
    else this.pseudo.set(name, value);
  }

  /** Fields that are about the connection, which HTTP/2 forbids, and those that become something else. */
  #isSpecial(kind: number, valueBytes: Buffer, valueStart: number, valueEnd: number): boolean {
    switch (kind) {
      case CONNECTION:
      case KEEP_ALIVE:
      case PROXY_CONNECTION:
      case TRANSFER_ENCODING:
      case UPGRADE:
        this.fault = "connection-specific field";
        return true;
      case TE:
        if (!spells(valueBytes, valueStart, valueEnd, "trailers")) this.fault = "TE other than trailers";
        return this.fault !== "";
      case HOST_FIELD:
        if (this.#kind !== "request") return false;
        if (this.host !== null) this.fault = "more than one Host";
        this.host = valueBytes.toString("latin1", valueStart, valueEnd);
        return true;
      case COOKIE:
        if (this.#kind !== "request") return false;
        this.#cookies.push(valueBytes.toString("latin1", valueStart, valueEnd));
        return true;
      default:
        return false;
    }
  }

  /** RFC 9113 section 8.2.3: a client may split its cookies over fields, HTTP/1.1 knows one. */
  #joinCookies(): void {
    if (this.#cookies.length === 0) return;
    const value = Buffer.from(this.#cookies.join("; "), "latin1");
    this.#cookies = [];
    this.#addLine(COOKIE_NAME, 0, COOKIE_NAME.length, value, 0, value.length);
  }

  #addLine(
    nameBytes: Buffer,
    nameStart: number,
    nameEnd: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (this.#count >= this.#limits.maxHeaders) {
      this.isTooLarge = true;
      return;
    }
    const nameLength = nameEnd - nameStart;
    const valueLength = valueEnd - valueStart;
    this.#makeRoom(nameLength + valueLength + 4);
    const arena = this.#arena;
    const at = this.#length;
    const valueAt = at + nameLength + 2;
    nameBytes.copy(arena, at, nameStart, nameEnd);
    arena[at + nameLength] = COLON;
    arena[at + nameLength + 1] = SP;
    valueBytes.copy(arena, valueAt, valueStart, valueEnd);
    arena[valueAt + valueLength] = CR;
    arena[valueAt + valueLength + 1] = LF;
    this.#length = valueAt + valueLength + 2;
    this.#offsets[4 * this.#count] = at;
    this.#offsets[4 * this.#count + 1] = at + nameLength;
    this.#offsets[4 * this.#count + 2] = valueAt;
    this.#offsets[4 * this.#count + 3] = valueAt + valueLength;
    this.#count++;
  }

  #makeRoom(more: number): void {
    if (this.#length + more > this.#arena.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#length + more));
      this.#arena.copy(larger, 0, 0, this.#length);
      this.#arena = larger;
    }
    if (4 * this.#count >= this.#offsets.length) {
      const larger = new Uint32Array(2 * this.#offsets.length);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
  }
}

const COOKIE_NAME = Buffer.from("cookie", "latin1");

/** Names are tokens without capitals (RFC 9113 section 8.2.1). */
function nameFault(bytes: Buffer, start: number, end: number): string {
  if (start === end) return "invalid field name";
  for (let at = start; at < end; at++) {
    const octet = bytes[at]!;
    if ((CLASS[octet]! & TOKEN) === 0) return "invalid field name";
    if (octet >= 0x41 && octet <= 0x5a) return "field name in upper case";
  }
  return "";
}

/** As strict as in HTTP/1.1, where the value may have to go. */
function valueFault(bytes: Buffer, start: number, end: number): string {
  if (start === end) return "";
  const first = bytes[start]!;
  const last = bytes[end - 1]!;
  if (first === SP || first === TAB || last === SP || last === TAB) return "whitespace around a field value";
  for (let at = start; at < end; at++) {
    if ((CLASS[bytes[at]!]! & VALUE) === 0) return "invalid octet in a field value";
  }
  return "";
}
