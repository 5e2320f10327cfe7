/** Content-Length and Transfer-Encoding (RFC 9112 section 6), as strict in both directions. */
import { CONTENT_LENGTH, spells, TRANSFER_ENCODING } from "./field-names.ts";
import type { MessageHead } from "./message-head.ts";

/** What a head's fields say about the body. */
export class FramingFields {
  /** Content-Length, or -1 without one. */
  length = -1;
  chunked = false;
  /** What is wrong, else "". */
  fault = "";

  reset(): void {
    this.length = -1;
    this.chunked = false;
    this.fault = "";
  }

  /**
   * Takes field line `index` of kind Content-Length or Transfer-Encoding. A repeated Content-Length is refused even
   * when equal, and no coding but a lone "chunked" is known: both stricter than RFC 9112 section 6.3, so that no
   * other parser on the way can read the message differently.
   */
  read(head: MessageHead, index: number): void {
    const kind = head.kinds[index];
    const start = head.valueStart[index]!;
    const end = head.valueEnd[index]!;
    if (kind === CONTENT_LENGTH) {
      if (this.length >= 0) this.fault = "more than one Content-Length";
      this.length = decimalLength(head.bytes, start, end);
      if (this.length < 0) this.fault = "invalid Content-Length";
    } else if (kind === TRANSFER_ENCODING) {
      if (this.chunked) this.fault = "more than one Transfer-Encoding";
      else if (!spells(head.bytes, start, end, "chunked")) this.fault = "unknown Transfer-Encoding";
      this.chunked = true;
    }
    if (this.chunked && this.length >= 0) this.fault = "both Content-Length and Transfer-Encoding";
    if (this.chunked && head.minor === 0) this.fault = "Transfer-Encoding in HTTP/1.0";
  }
}

/** Parses a decimal number without sign, space or leading zeros up to 2^53-1; -1 for anything else. */
export function decimalLength(bytes: Uint8Array, start: number, end: number): number {
  const digits = end - start;
  if (digits < 1 || digits > 16 || (digits > 1 && bytes[start] === 0x30)) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}
