/** Who changed what: kept in the database, the newest also at hand. */
import type { Change } from "../../../core/config/diff.ts";
import type { Store } from "../store/store.ts";

export interface AuditEntry {
  /** RFC 3339. */
  readonly at: string;
  /** Name of the key, or how the change came about. */
  readonly actor: string;
  readonly action: string;
  /** What was acted on, such as the id of a backend; "" when it was the configuration. */
  readonly target: string;
  readonly changes: readonly Change[];
  /** Whether it outlives a restart. */
  readonly persist: boolean;
}

/** A change of everything need not be repeated in full. */
const MAX_CHANGES = 100;
/** A longer value is cut; its beginning tells what it is. */
const MAX_VALUE = 1_000;
/** Of all values of an entry: ten thousand entries are kept, and a thousand can be asked for at once. */
const MAX_VALUES = 16_384;

export class Audit {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  add(entry: AuditEntry): void {
    this.#store.saveAudit(JSON.stringify({ ...entry, changes: bounded(entry.changes) }));
  }

  /** The newest entries, newest first, as JSON texts. */
  newest(limit: number): string[] {
    return this.#store.loadAudit(limit);
  }
}

/** The changes with values of bounded length; those beyond what an entry may hold are counted. */
function bounded(changes: readonly Change[]): Change[] {
  const kept: Change[] = [];
  let size = 0;
  for (const { key, from, to } of changes) {
    const shown = { key, from: inShort(from), to: inShort(to) };
    size += JSON.stringify(shown).length;
    if (kept.length === MAX_CHANGES || size > MAX_VALUES) break;
    kept.push(shown);
  }
  const left = changes.length - kept.length;
  return left === 0 ? kept : [...kept, { key: "…", from: null, to: `${left} more changes` }];
}

function inShort(value: unknown): unknown {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text === undefined || text.length <= MAX_VALUE ? value : `${text.slice(0, MAX_VALUE)}…`;
}
