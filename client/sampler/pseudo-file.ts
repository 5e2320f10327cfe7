/**
 * Files of /proc, /sys and cgroups, whose content is made anew by each read from position 0: opened once, read
 * into a buffer that is kept, and scanned as bytes, so that a sample each second leaves next to no garbage.
 */
import { closeSync, openSync, readSync } from "node:fs";

/** No file that is read here comes near this; a larger one is cut. */
const MAX_BYTES = 4 * 1024 * 1024;
const DIGIT_0 = 48;
const NEWLINE = 10;

export class PseudoFile {
  readonly path: string;
  /** The first `length` bytes are the content as of the last read. */
  bytes: Buffer;
  length = 0;
  #fd = -1;

  constructor(path: string, initialBytes = 4096) {
    this.path = path;
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Reads the whole content again; throws the system's error, and opens anew the next time. */
  read(): void {
    try {
      if (this.#fd < 0) this.#fd = openSync(this.path, "r");
      for (;;) {
        this.length = readSync(this.#fd, this.bytes, 0, this.bytes.length, 0);
        if (this.length < this.bytes.length || this.bytes.length >= MAX_BYTES) return;
        this.bytes = Buffer.allocUnsafeSlow(this.bytes.length * 2);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Reads again and gives the text without surrounding white space, or null when the file cannot be read. */
  text(): string | null {
    try {
      this.read();
      return this.bytes.toString("utf8", 0, this.length).trim();
    } catch {
      return null;
    }
  }

  /** Reads again and gives the number that the content starts with, or NaN. */
  number(): number {
    try {
      this.read();
    } catch {
      return Number.NaN;
    }
    return this.numberAt(0);
  }

  /** Gives the number after `key` at the start of a line of the content read before, or NaN. */
  field(key: string): number {
    for (let at = 0; at >= 0 && at < this.length; at = this.nextLine(at)) {
      if (this.startsWith(key, at)) return this.numberAt(at + key.length);
    }
    return Number.NaN;
  }

  /** Tells whether the content goes on with `text` at a position. */
  startsWith(text: string, at: number): boolean {
    if (at + text.length > this.length) return false;
    for (let i = 0; i < text.length; i++) if (this.bytes[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Position after the end of the line, or -1 when it is the last one. */
  nextLine(at: number): number {
    const end = this.bytes.indexOf(NEWLINE, at);
    return end < 0 || end + 1 >= this.length ? -1 : end + 1;
  }

  /** Gives the decimal number at a position, after spaces, colons and tabs; NaN when there is none. */
  numberAt(from: number): number {
    let at = from;
    while (at < this.length && isGap(this.bytes[at])) at++;
    const negative = this.bytes[at] === 45;
    if (negative) at++;
    let value = 0;
    let digits = 0;
    for (; at < this.length; at++, digits++) {
      const digit = (this.bytes[at] ?? 0) - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (digits === 0) return Number.NaN;
    return negative ? -value : value;
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.length = 0;
  }
}

function isGap(byte: number | undefined): boolean {
  return byte === 32 || byte === 9 || byte === 58;
}
