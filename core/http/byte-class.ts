/** Classes of octets, looked up by value: what may stand where in a message (RFC 9110 section 5, RFC 3986). */

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;

/** Field names, methods (tchar, RFC 9110 section 5.6.2). */
export const TOKEN = 1;
/** Field values: HTAB, SP, visible ASCII and obs-text; neither DEL nor any other control. */
export const VALUE = 2;
/** Request targets: visible ASCII but "#" (a fragment never travels); no obs-text. */
export const TARGET = 4;
/** Registered names and IPv4 addresses in an authority; narrower than RFC 3986, as real host names are. */
export const HOST = 8;
/** Quoted strings apart from the quote and the backslash (qdtext, RFC 9110 section 5.6.4). */
export const QUOTED = 16;

/** Class bits of each octet. */
export const CLASS: Uint8Array = makeClasses();

/** Each octet in lower case, "_" as "-": names that only differ so are one name to a CGI-style backend. */
export const FOLD: Uint8Array = makeFolds();

/** Value of each hexadecimal digit, else -1. */
export const HEX: Int8Array = makeHexDigits();

/** Tells whether a text may be a field value: no controls, nothing above latin1 (which a write would truncate). */
export function isFieldValue(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff || ((CLASS[code] ?? 0) & VALUE) === 0) return false;
  }
  return true;
}

function makeClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const add = (octet: number, bits: number): void => {
    classes[octet] = (classes[octet] ?? 0) | bits;
  };
  for (let octet = 0; octet < 256; octet++) {
    const visible = octet > SP && octet < 0x7f;
    if (visible || octet === SP || octet === TAB || octet >= 0x80) {
      add(octet, VALUE);
      if (octet !== QUOTE && octet !== BACKSLASH) add(octet, QUOTED);
    }
    if (visible && octet !== 0x23) add(octet, TARGET);
  }
  const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const character of `${alphanumeric}!#$%&'*+-.^_\`|~`) add(character.charCodeAt(0), TOKEN);
  for (const character of `${alphanumeric}-._~`) add(character.charCodeAt(0), HOST);
  return classes;
}

function makeFolds(): Uint8Array {
  const folds = new Uint8Array(256);
  for (let octet = 0; octet < 256; octet++) {
    const upper = octet >= 0x41 && octet <= 0x5a;
    folds[octet] = upper ? octet | 0x20 : octet === 0x5f ? 0x2d : octet;
  }
  return folds;
}

function makeHexDigits(): Int8Array {
  const digits = new Int8Array(256).fill(-1);
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16);
    digits[digit.charCodeAt(0)] = value;
    digits[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return digits;
}
