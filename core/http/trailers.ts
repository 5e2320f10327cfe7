import { DROP_TRAILER, FLAGS } from "./field-names.ts";
import { FIELD_FAULTS, FIELD_START, MORE, scanFields } from "./field-scan.ts";
import { MessageHead } from "./message-head.ts";

/** The trailer section of a chunked body (RFC 9112 section 7.1.2), gathered in a buffer of its own. */
export class TrailerSection {
  done = false;
  /** What is wrong, else "". */
  fault = "";
  readonly #bytes: Buffer;
  readonly #maxFields: number;
  readonly #head = new MessageHead();
  #length = 0;

  constructor(maxBytes: number, maxFields: number) {
    this.#bytes = Buffer.alloc(maxBytes);
    this.#maxFields = maxFields;
    this.#head.resume(this.#bytes, 0);
    this.#head.phase = FIELD_START;
  }

  /** Takes bytes[start, end) up to the empty line; returns how many belong to the section. */
  push(bytes: Buffer, start: number, end: number): number {
    const before = this.#length;
    const taken = bytes.copy(this.#bytes, before, start, end);
    this.#length = before + taken;
    const after = scanFields(this.#head, this.#bytes, this.#length, this.#maxFields);
    if (after > 0) {
      this.done = true;
      return after - before;
    }
    if (after < 0) this.fault = FIELD_FAULTS[-after] ?? "invalid trailers";
    else if (after === MORE && this.#length === this.#bytes.length) this.fault = "trailers too large";
    return taken;
  }

  /** The lines that may travel on: none that frames, routes, authenticates or describes the message (RFC 9110 section 6.5.1). */
  forwardable(): Buffer {
    const head = this.#head;
    const kept: Buffer[] = [];
    for (let index = 0; index < head.count; index++) {
      if ((FLAGS[head.kinds[index]!]! & DROP_TRAILER) !== 0) continue;
      kept.push(this.#bytes.subarray(head.nameStart[index], head.lineEnd(index)));
    }
    return Buffer.concat(kept);
  }
}
