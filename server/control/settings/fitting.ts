/** Which changes of the last run go with a configuration that is another one meanwhile. */
import { NO_CHANGES, type RuntimeChanges } from "../../../core/config/runtime/runtime-changes.ts";
import { type LoadConfig, loadWith } from "./candidate.ts";

/** Each takes as long as to read the configuration; of more than this many, whole kinds are tried. */
const MAX_TRIES = 200;

export interface Fitting {
  readonly changes: RuntimeChanges;
  /** What was left out and why, for people. */
  readonly misfits: readonly { readonly what: string; readonly reason: string }[];
}

interface Part {
  readonly what: string;
  readonly atMs: number;
  readonly changes: Partial<RuntimeChanges>;
}

/** Gives all of the changes if they fit, else those that do so with what is older than them. */
export function fittingChanges(load: LoadConfig, stored: RuntimeChanges): Fitting {
  if (loadWith(load, stored).ok) return { changes: stored, misfits: [] };
  let changes = NO_CHANGES;
  const misfits: Fitting["misfits"][number][] = [];
  for (const part of partsOf(stored)) {
    const next = joined(changes, part.changes);
    const loaded = loadWith(load, next);
    if (loaded.ok) changes = next;
    else {
      const reason = loaded.errors.map(({ key, message }) => `${key} ${message}`).join("; ");
      misfits.push({ what: part.what, reason });
    }
  }
  return { changes, misfits };
}

/** The oldest first, each by itself; or the kinds, when there are too many. */
function partsOf({ keys, added, removed, terms }: RuntimeChanges): Part[] {
  if (keys.length + added.length + removed.length + terms.length > MAX_TRIES) {
    return [
      { what: "all keys", atMs: 0, changes: { keys } },
      { what: "all removed backends", atMs: 0, changes: { removed } },
      { what: "all added backends", atMs: 0, changes: { added } },
      { what: "all that was said of backends", atMs: 0, changes: { terms } },
    ];
  }
  const parts: Part[] = [
    ...keys.map((each) => ({ what: each.key, atMs: each.at, changes: { keys: [each] } })),
    ...removed.map((each) => ({ what: `removed ${each.id}`, atMs: each.at, changes: { removed: [each] } })),
    ...added.map((each) => ({ what: `added ${each.id}`, atMs: each.at, changes: { added: [each] } })),
    ...terms.map((each) => ({ what: `terms of ${each.id}`, atMs: each.at, changes: { terms: [each] } })),
  ];
  return parts.toSorted((a, b) => a.atMs - b.atMs);
}

function joined(changes: RuntimeChanges, more: Partial<RuntimeChanges>): RuntimeChanges {
  return {
    keys: [...changes.keys, ...(more.keys ?? [])],
    added: [...changes.added, ...(more.added ?? [])],
    removed: [...changes.removed, ...(more.removed ?? [])],
    terms: [...changes.terms, ...(more.terms ?? [])],
  };
}
