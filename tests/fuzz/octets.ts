/** Hostile octets: mutations of messages, and noise. */
import * as fc from "fast-check";

const MEANINGFUL = ["\r\n", "\r", "\n", "\0", ":", " ", "\t", ",", ";", "\x7f", "\x85", "\xa0", "\xff", "0"];
const LINES = [
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer_Encoding: chunked\r\n",
  "Connection: close, Content-Length, X\r\n",
  "Connection: X-Forwarded-For\r\n",
  "Host: other\r\n",
  "Upgrade: websocket\r\nConnection: Upgrade\r\n",
  " folded\r\n",
];

export interface Mutation {
  readonly kind: "delete" | "replace" | "insert" | "line" | "double" | "truncate";
  readonly place: number;
  readonly text: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("delete", "replace", "insert", "line", "double", "truncate"),
  place: fc.nat(100_000),
  text: fc.oneof(
    fc.constantFrom(...MEANINGFUL),
    fc.nat(255).map((octet) => String.fromCharCode(octet)),
  ),
});

const MUTATORS: Record<Mutation["kind"], (text: string, at: number, inserted: string) => string> = {
  delete: (text, at) => text.slice(0, at) + text.slice(at + 1),
  replace: (text, at, inserted) => text.slice(0, at) + inserted + text.slice(at + 1),
  insert: (text, at, inserted) => text.slice(0, at) + inserted + text.slice(at),
  line: (text, at) => {
    const lineStart = text.indexOf("\r\n", at) + 2;
    return text.slice(0, lineStart) + (LINES[at % LINES.length] ?? "") + text.slice(lineStart);
  },
  double: (text) => text + text,
  truncate: (text, at) => text.slice(0, at),
};

/** Applies one change. */
export function mutate(text: string, change: Mutation): string {
  const at = text.length === 0 ? 0 : change.place % text.length;
  return MUTATORS[change.kind](text, at, change.text);
}

/** Up to four changes. */
export const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
export const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
