import { BACKSLASH, CLASS, EQUALS, QUOTE, QUOTED, SEMICOLON, TOKEN, VALUE } from "./byte-class.ts";

const NAME_START = 0;
const NAME = 1;
const VALUE_START = 2;
const TOKEN_VALUE = 3;
const QUOTED_VALUE = 4;
const ESCAPED = 5;
const AFTER_QUOTED = 6;

/**
 * Checks the extensions of one chunk, octet by octet, from behind the first ";":
 * `name [ "=" ( token | quoted-string ) ] *( ";" ... )` (RFC 9112 section 7.1.1), without the bad whitespace that
 * the RFC tolerates.
 */
export class ChunkExtension {
  #phase = NAME_START;

  reset(): void {
    this.#phase = NAME_START;
  }

  /** Tells whether the line may end here. */
  mayEnd(): boolean {
    return this.#phase === NAME || this.#phase === TOKEN_VALUE || this.#phase === AFTER_QUOTED;
  }

  /** Takes the next octet; false when it may not stand there. */
  accept(octet: number): boolean {
    const bits = CLASS[octet] ?? 0;
    const token = (bits & TOKEN) !== 0;
    switch (this.#phase) {
      case NAME_START:
        return token && this.#enter(NAME);
      case NAME:
        if (octet === EQUALS) return this.#enter(VALUE_START);
        return token || (octet === SEMICOLON && this.#enter(NAME_START));
      case VALUE_START:
        if (octet === QUOTE) return this.#enter(QUOTED_VALUE);
        return token && this.#enter(TOKEN_VALUE);
      case TOKEN_VALUE:
        return token || (octet === SEMICOLON && this.#enter(NAME_START));
      case QUOTED_VALUE:
        if (octet === QUOTE) return this.#enter(AFTER_QUOTED);
        if (octet === BACKSLASH) return this.#enter(ESCAPED);
        return (bits & QUOTED) !== 0;
      case ESCAPED:
        return (bits & VALUE) !== 0 && this.#enter(QUOTED_VALUE);
      default:
        return octet === SEMICOLON && this.#enter(NAME_START);
    }
  }

  #enter(phase: number): true {
    this.#phase = phase;
    return true;
  }
}
