/** Text of servers and agents, made safe to be shown on a terminal. */

// Control characters could move the cursor or set a title; direction marks could make text read otherwise.
const UNSAFE = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** They may stand between the parts of a text in JSON. */
const BLANKS: ReadonlySet<string> = new Set(["\n", "\r", "\t"]);

export function cleanText(text: string): string {
  return text.replaceAll(UNSAFE, "?");
}

/** JSON, or YAML that is JSON, with those characters as escapes: it means the same, and a terminal shows it as text. */
export function escapedJson(text: string): string {
  return text.replaceAll(UNSAFE, (character) =>
    BLANKS.has(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
