/** Wildcard patterns: `*` is any run of characters, "/" included; `?` is one character. */

/** Tells whether a text matches. */
export type Glob = (text: string) => boolean;

const STAR = 0x2a;
const ANY = 0x3f;
const WORD_BITS = 32;
/** Raw paths are latin1: a character beyond it in a pattern matches nothing. */
const LATIN1 = 256;

/**
 * Compiles a pattern into a bit-parallel automaton (Shift-And): one bit for each character of the pattern, all of
 * them moved at once by each character of the text. Time is text length times words of 32 bits, whatever the text;
 * there is no backtracking. Characters that the pattern lacks share one row.
 */
export function compileGlob(pattern: string): Glob {
  const codes: number[] = [];
  const loopsAt: number[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const code = pattern.charCodeAt(at);
    if (code === STAR) loopsAt.push(codes.length);
    else codes.push(code);
  }
  const words = Math.ceil((codes.length + 1) / WORD_BITS);
  const loops = new Int32Array(words);
  for (const state of loopsAt) setBit(loops, 0, state);
  const { rowOf, rowCount } = numberRows(codes);
  const rows = new Int32Array(words * rowCount);
  codes.forEach((code, index) => {
    // State n means that n characters of the pattern have matched: a character leads into state index + 1.
    if (code === ANY) for (let row = 0; row < rowCount; row++) setBit(rows, row * words, index + 1);
    else if (code < LATIN1) setBit(rows, rowOf[code]! * words, index + 1);
  });
  const automaton: Automaton = { words, loops, rows, rowOf, lastState: codes.length };
  return (text) => matches(automaton, text);
}

interface Automaton {
  readonly words: number;
  /** States that any character keeps: those before which the pattern has `*`. */
  readonly loops: Int32Array;
  /** For each class of characters, the states that one leads into; row 0 is for characters not in the pattern. */
  readonly rows: Int32Array;
  readonly rowOf: Uint16Array;
  readonly lastState: number;
}

function matches(automaton: Automaton, text: string): boolean {
  const { words, loops, rows, rowOf, lastState } = automaton;
  const states = new Int32Array(words);
  states[0] = 1;
  for (let at = 0; at < text.length; at++) {
    const base = (rowOf[text.charCodeAt(at)] ?? 0) * words;
    let carry = 0;
    let live = 0;
    for (let word = 0; word < words; word++) {
      const before = states[word]!;
      const after = (((before << 1) | carry) & rows[base + word]!) | (before & loops[word]!);
      carry = before >>> (WORD_BITS - 1);
      states[word] = after;
      live |= after;
    }
    if (live === 0) return false;
  }
  return ((states[lastState >>> 5]! >>> (lastState & 31)) & 1) === 1;
}

/** A row for each character of the pattern; row 0 for all others. */
function numberRows(codes: readonly number[]): { rowOf: Uint16Array; rowCount: number } {
  const rowOf = new Uint16Array(LATIN1);
  let rowCount = 1;
  for (const code of codes) {
    if (code !== ANY && code < LATIN1 && rowOf[code] === 0) rowOf[code] = rowCount++;
  }
  return { rowOf, rowCount };
}

function setBit(bits: Int32Array, base: number, bit: number): void {
  const index = base + (bit >>> 5);
  bits[index] = bits[index]! | (1 << (bit & 31));
}
