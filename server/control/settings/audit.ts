/** Who changed what: kept in the database, the newest also at hand. */
import type { Change } from "../../../core/config/runtime/diff.ts";
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

/** A change of everything need not be repeated in full: so many changes, of so many characters, together and each. */
const MAX_CHANGES = 100;
const MAX_CHARACTERS = 32_768;
const MAX_VALUE_CHARACTERS = 2000;

export class Audit {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  add(entry: AuditEntry): void {
    const changes: Change[] = [];
    let left = MAX_CHARACTERS;
    for (const { key, from, to } of entry.changes.slice(0, MAX_CHANGES)) {
      const change = { key, from: inShort(from), to: inShort(to) };
      left -= JSON.stringify(change).length;
      if (left < 0) break;
      changes.push(change);
    }
    const omitted = entry.changes.length - changes.length;
    this.#store.saveAudit(JSON.stringify({ ...entry, changes, ...(omitted > 0 && { omitted }) }));
  }

  /** The newest entries, newest first, as JSON texts. */
  newest(limit: number): string[] {
    return this.#store.loadAudit(limit);
  }
}

function inShort(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  return text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS)}…` : value;
}
