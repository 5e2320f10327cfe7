/** Reads the YAML of a configuration file into plain values, keeping where each of them stands. */
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { messageOf } from "../log/message-of.ts";
import type { PathPart } from "../schema/check.ts";

export interface Position {
  readonly line: number;
  readonly column: number;
}

export type DocumentFault = Position & { readonly message: string };

export interface ConfigDocument {
  /** Undefined for an empty file. */
  readonly value: unknown;
  /** Where the key or item of a path stands; for a path that is not there, its nearest parent. */
  readonly positionOf: (path: readonly PathPart[]) => Position;
}

export type DocumentOutcome =
  | { readonly ok: true; readonly document: ConfigDocument }
  | { readonly ok: false; readonly faults: readonly DocumentFault[] };

/** Far above any real file, far below what would take long to parse. */
const MAX_TEXT_LENGTH = 4 * 1024 * 1024;
/** Aliases may repeat a tier or two; a file that multiplies itself through them is refused. */
const MAX_ALIASES = 100;
/** What follows a first few faults of syntax is mostly their echo. */
const MAX_PROBLEMS = 20;
const ONE_DOCUMENT = "must hold one YAML document, a second one starts here";
const START: Position = { line: 1, column: 1 };

/** Parses one YAML 1.2 document; duplicate keys, further documents and alias bombs are faults. Never throws. */
export function parseConfigText(text: string): DocumentOutcome {
  if (text.length > MAX_TEXT_LENGTH) {
    return failed("the file is too large for a configuration: at most 4 MiB");
  }
  const lines = new LineCounter();
  try {
    const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    // A warning is a tag or directive that nobody will act on: an error here, so that nothing is silently ignored.
    const problems = [...parsed.errors, ...parsed.warnings];
    if (problems.length > 0) {
      return {
        ok: false,
        faults: problems.slice(0, MAX_PROBLEMS).map(({ code, message, pos }) => ({
          message: code === "MULTIPLE_DOCS" ? ONE_DOCUMENT : `is not valid YAML: ${oneLine(message)}`,
          ...at(lines, pos[0]),
        })),
      };
    }
    const value: unknown = parsed.toJS({ maxAliasCount: MAX_ALIASES });
    return {
      ok: true,
      document: { value: value ?? undefined, positionOf: (path) => locate(parsed, lines, path) },
    };
  } catch (error) {
    // Too many aliases, or nesting so deep that the parser runs out of stack.
    return failed(`is not valid YAML: ${oneLine(messageOf(error))}`);
  }
}

function locate(parsed: Document.Parsed, lines: LineCounter, path: readonly PathPart[]): Position {
  let offset = parsed.contents?.range[0] ?? 0;
  let node: unknown = parsed.contents;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
      if (pair === undefined) break;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return at(lines, offset);
}

function startOf(node: unknown): number | undefined {
  return isMap(node) || isSeq(node) || isScalar(node) ? node.range?.[0] : undefined;
}

function at(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return line > 0 ? { line, column: Math.max(1, col) } : START;
}

function failed(message: string): DocumentOutcome {
  return { ok: false, faults: [{ ...START, message }] };
}

/** The parser's message without what it quotes of the file: that may be a key. */
function oneLine(text: string): string {
  return text
    .replace(/:? ["|>].*$/s, "")
    .replace(/\s+/g, " ")
    .slice(0, 200);
}
