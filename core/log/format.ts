/**
 * Log lines as text or JSON. Pure: the caller gives the time and writes the line. Whatever a client sends, the
 * result is one line without control characters, of bounded length.
 */

export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts of a line beside its message; keys are our own words, values may come from anywhere. */
export type LogData = Readonly<Record<string, unknown>>;

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly level: LogLevel;
  readonly message: string;
  /** The part of the program that speaks, such as `access` or `store`. */
  readonly component: string;
  readonly data?: LogData;
  /** Longest text of one value, instead of {@link MAX_VALUE_LENGTH}. */
  readonly maxValueLength?: number;
}

/** Longest text of one value, in UTF-16 units; the rest is cut and marked with an ellipsis. */
export const MAX_VALUE_LENGTH = 1024;
/** Most entries of one object or list, and most levels of nesting, that are written. */
const MAX_ENTRIES = 64;
const MAX_DEPTH = 4;

/** Tells whether a line of `level` is written when `least` is configured. */
export function levelAtLeast(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}

/** The level that a configured name means; `warning` is `warn`. */
export function toLogLevel(name: string): LogLevel {
  const wanted = name === "warning" ? "warn" : name;
  return LOG_LEVELS.find((level) => level === wanted) ?? "info";
}

/** Formats one line, without the newline: `<RFC 3339> LEVEL [component] message key=value ...` or a JSON object. */
export function formatLine(line: LogLine, json: boolean): string {
  return json ? formatJson(line) : formatText(line);
}

function formatText(line: LogLine): string {
  const limit = line.maxValueLength ?? MAX_VALUE_LENGTH;
  let text = `${timestamp(line.timestampMs)} ${line.level.toUpperCase()} [${visible(line.component)}] ${visible(line.message)}`;
  if (line.data === undefined) return text;
  let entries = 0;
  for (const key of Object.keys(line.data)) {
    const value = line.data[key];
    if (value === undefined) continue;
    if (++entries > MAX_ENTRIES) break;
    text += ` ${visible(key)}=${textValue(value, limit)}`;
  }
  return text;
}

function formatJson(line: LogLine): string {
  const out = {
    timestamp: timestamp(line.timestampMs),
    level: line.level,
    message: shorten(line.message),
    component: shorten(line.component),
    data: line.data === undefined ? {} : jsonValue(line.data, 0, line.maxValueLength ?? MAX_VALUE_LENGTH),
  };
  return escapeJsonControls(JSON.stringify(out));
}

function textValue(value: unknown, limit: number): string {
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(jsonValue(value, 1, limit));
  // As most are: no test beside this one.
  if (text.length <= limit && BARE.test(text)) return text;
  const shown = visible(text, limit);
  return BARE.test(shown) ? shown : `"${shown.replaceAll('"', '\\"')}"`;
}

/** A bounded copy of a value in JSON's terms; what JSON cannot hold becomes text. */
function jsonValue(value: unknown, depth: number, limit: number): unknown {
  if (typeof value === "string") return shorten(value, limit);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean" || value === null) return value;
  if (value === undefined) return null;
  if (value instanceof Error) return shorten(`${value.name}: ${value.message}`);
  if (typeof value !== "object") return shorten(typeof value === "bigint" ? value.toString() : typeof value);
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value))
    return value.slice(0, MAX_ENTRIES).map((item) => jsonValue(item, depth + 1, limit));
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .slice(0, MAX_ENTRIES);
  return Object.fromEntries(entries.map(([key, item]) => [shorten(key), jsonValue(item, depth + 1, limit)]));
}

/** Text fit for a terminal: backslashes doubled, control and bidirectional characters as escapes. */
function visible(text: string, limit = MAX_VALUE_LENGTH): string {
  // Nearly every value is short printable ASCII; this test is all that it costs.
  if (text.length <= limit && PLAIN.test(text)) return text;
  return shorten(text, limit).replaceAll("\\", "\\\\").replace(UNSAFE, escapeOf);
}

/** JSON.stringify escapes C0 controls; the others that end lines or steer terminals are left to us. */
function escapeJsonControls(json: string): string {
  return json.replace(UNSAFE, escapeOf);
}

/** What needs no quotes. */
const BARE = /^[\w./:@+~,%*-]+$/;
const PLAIN = /^[ -[\]-~]*$/;

/**
 * C0 and C1 controls, DEL, the Unicode line and paragraph separators, the byte order mark, zero-width and
 * bidirectional marks (which reorder what a reader sees), and lone surrogates (which are not text).
 */
const UNSAFE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Cs}/gu;

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function shorten(text: string, limit = MAX_VALUE_LENGTH): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

function timestamp(ms: number): string {
  // Beyond what a Date can hold there is no time to print.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : "invalid-time";
}
