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

export class Audit {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  add(entry: AuditEntry): void {
    this.#store.saveAudit(JSON.stringify({ ...entry, changes: entry.changes.slice(0, MAX_CHANGES) }));
  }

  /** The newest entries, newest first, as JSON texts. */
  newest(limit: number): string[] {
    return this.#store.loadAudit(limit);
  }
}
