/** Words for a fault in a configuration value. */
import type { Fault } from "../schema/check.ts";
import { showGot } from "../schema/rule.ts";
import { nearest } from "../schema/suggest.ts";

/** Names from elsewhere (the original's example files), with the key that does the same, or why there is none. */
export type MistakenKeys = Readonly<Record<string, { readonly key: string } | { readonly why: string }>>;

/** What is wrong and what would be right; secrets are not repeated. */
export function faultMessage(fault: Fault, mistaken: MistakenKeys = {}): string {
  if (fault.kind === "missing") return `is missing; it ${fault.rule}`;
  if (fault.kind === "unknown") return unknownKey(String(fault.path.at(-1)), fault.known, mistaken);
  if (fault.secret) return fault.rule;
  const meant = fault.meant === undefined ? "" : `; did you mean ${fault.meant}?`;
  return `${fault.rule}, got ${showGot(fault.got)}${meant}`;
}

function unknownKey(name: string, known: readonly string[], mistaken: MistakenKeys): string {
  const lesson = Object.hasOwn(mistaken, name) ? mistaken[name] : undefined;
  if (lesson !== undefined && "why" in lesson) return `is not a known key: ${lesson.why}`;
  const meant = lesson !== undefined && known.includes(lesson.key) ? lesson.key : nearest(name, known);
  return `is not a known key${meant === null ? "" : `; did you mean ${meant}?`}`;
}
