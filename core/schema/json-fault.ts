/** Finds where a text stops being JSON (RFC 8259), and in which field; runtimes only say that it does. */
import type { PathPart } from "./check.ts";

export interface JsonFault {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** The value at fault, such as `["gpus", 0, "name"]`. */
  readonly path: readonly PathPart[];
  /** What is wrong, such as "NaN is not a JSON value". */
  readonly message: string;
}

/** Deeper than anything that we read; JSON.parse gives up far later. */
const MAX_DEPTH = 512;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const ENDS_TOO_EARLY = "the text ends too early";
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
const SPACE = /[ \t\n\r]*/y;
const WORD = /[A-Za-z_$][\w$]*|-?Infinity/y;

/** Describes the first fault of a text; null when the text is one JSON value. */
export function findJsonFault(text: string): JsonFault | null {
  const scanner = new Scanner(text);
  const message = scanner.run();
  if (message === null) return null;
  const before = text.slice(0, scanner.at).split("\n");
  const column = (before.at(-1)?.length ?? 0) + 1;
  return { line: before.length, column, path: scanner.path(), message };
}

/** An open list or object; `part` is the index or name of the entry that is being read. */
interface Level {
  readonly kind: "list" | "object";
  part: PathPart | null;
}

class Scanner {
  readonly #text: string;
  readonly #levels: Level[] = [];
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  path(): PathPart[] {
    return this.#levels.flatMap(({ part }) => (part === null ? [] : [part]));
  }

  /** Gives what is wrong at `at`, or null. */
  run(): string | null {
    for (;;) {
      this.#take(SPACE);
      const fault = this.#opensOrReads();
      if (fault !== null) return fault;
      const level = this.#levels.at(-1);
      // A list or object that was just opened is followed by its first entry.
      if (level !== undefined && level.part === null) {
        const empty = this.#startEntries(level);
        if (empty !== null && empty !== "closed") return empty;
        if (empty === null) continue;
      }
      const next = this.#afterValue();
      if (next !== "again") return next;
    }
  }

  #opensOrReads(): string | null {
    const character = this.#text[this.at];
    if (character === undefined) return this.at === 0 ? "there is no value" : ENDS_TOO_EARLY;
    if (character === "{" || character === "[") {
      if (this.#levels.length >= MAX_DEPTH) return "it is nested too deep";
      this.#levels.push({ kind: character === "{" ? "object" : "list", part: null });
      this.at++;
      return null;
    }
    if (character === '"')
      return this.#takeString() === "" ? "a string is not ended or not escaped well" : null;
    const word = this.#peek(WORD);
    if (word === "true" || word === "false" || word === "null") {
      this.at += word.length;
      return null;
    }
    if (word !== "") return `${word.slice(0, 20)} is not a JSON value`;
    return this.#take(NUMBER) === "" ? `unexpected ${JSON.stringify(character)}` : null;
  }

  /** Moves into the first entry of a new level; "closed" when it has none. */
  #startEntries(level: Level): string | null {
    this.#take(SPACE);
    if (this.#text[this.at] === (level.kind === "object" ? "}" : "]")) {
      this.at++;
      this.#levels.pop();
      return "closed";
    }
    return this.#enterEntry(level);
  }

  #enterEntry(level: Level): string | null {
    if (level.kind === "list") {
      level.part = typeof level.part === "number" ? level.part + 1 : 0;
      return null;
    }
    this.#take(SPACE);
    if (this.at >= this.#text.length) return ENDS_TOO_EARLY;
    const name = this.#takeString();
    if (name === "") return "expected a name in double quotes";
    // The text matched the grammar of a JSON string.
    level.part = String(JSON.parse(name));
    this.#take(SPACE);
    if (this.#text[this.at] !== ":") return 'expected ":" after the name';
    this.at++;
    return null;
  }

  /** Goes on after a value: "again" when another follows, else the fault, or null at the end of the text. */
  #afterValue(): string | null {
    for (;;) {
      this.#take(SPACE);
      const character = this.#text[this.at];
      const level = this.#levels.at(-1);
      if (level === undefined) return character === undefined ? null : "something follows the value";
      if (character === ",") {
        this.at++;
        return this.#enterEntry(level) ?? "again";
      }
      const end = level.kind === "object" ? "}" : "]";
      if (character === undefined) return ENDS_TOO_EARLY;
      if (character !== end) return `expected "," or "${end}"`;
      this.at++;
      this.#levels.pop();
    }
  }

  /** The string that begins here, quotes included; empty when it is not well-formed. */
  #takeString(): string {
    const start = this.at;
    // A loop, because one expression over megabytes runs into the limits of the engine.
    for (let at = start + 1; this.#text[start] === '"' && at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return this.#text.slice(start, this.at);
      }
      if (code < FIRST_PRINTABLE) break;
      if (code !== BACKSLASH) continue;
      ESCAPE.lastIndex = at;
      const sequence = ESCAPE.exec(this.#text)?.[0];
      if (sequence === undefined) break;
      at += sequence.length - 1;
    }
    return "";
  }

  #take(pattern: RegExp): string {
    const found = this.#peek(pattern);
    this.at += found.length;
    return found;
  }

  #peek(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    return pattern.exec(this.#text)?.[0] ?? "";
  }
}
