/** What one worker has stored, in bounded memory; SIEVE decides what goes. */
import type { UseRules } from "./judge.ts";
import { type FieldLookup, variantKey } from "./vary.ts";

/** What an entry costs beside its body and texts: objects and their place in the tables, as resident memory shows it. */
const ENTRY_OVERHEAD_BYTES = 1200;
/** Responses of one key that differ by Vary; the oldest goes first. */
const MAX_VARIANTS = 32;

/** One stored response. What a 304 changes is replaced in place. */
export class Entry {
  /** URI and key fields. */
  readonly key: string;
  readonly uri: string;
  readonly status: number;
  readonly reason: string;
  readonly body: Buffer;
  lines: string;
  use: UseRules;
  etag: string | null;
  lastModified: string | null;
  varyNames: readonly string[];
  variant: string;
  /** Of the URI when the request was sent: a later one means that it was invalidated since. */
  version: number;
  hits = 0;
  /** The other workers do not know of it. */
  isUntold = false;
  /** Of SIEVE: used since the hand passed. */
  isVisited = false;
  newer: Entry | null = null;
  older: Entry | null = null;
  isStored = false;

  constructor(
    made: Omit<Entry, "hits" | "isUntold" | "isVisited" | "newer" | "older" | "isStored" | "bytes">,
  ) {
    this.key = made.key;
    this.uri = made.uri;
    this.status = made.status;
    this.reason = made.reason;
    this.body = made.body;
    this.lines = made.lines;
    this.use = made.use;
    this.etag = made.etag;
    this.lastModified = made.lastModified;
    this.varyNames = made.varyNames;
    this.variant = made.variant;
    this.version = made.version;
  }

  /** Memory that it takes, in bytes. */
  get bytes(): number {
    const texts = this.key.length + this.uri.length + this.lines.length + this.variant.length;
    return ENTRY_OVERHEAD_BYTES + texts + this.body.length;
  }
}

export interface StoreLimits {
  readonly entries: number;
  readonly bytes: number;
}

/** Who is told what becomes of the store. */
export interface StoreEvents {
  /** An entry had to make way. */
  onEvicted(): void;
  /** It holds more, or less. */
  onSize(entries: number, bytes: number): void;
}

const NOBODY: StoreEvents = { onEvicted: () => {}, onSize: () => {} };

/**
 * Entries by key. Eviction is SIEVE (Zhang et al., NSDI 2024): entries stand in the order of their arrival, a use sets a
 * bit, and a hand moves from the oldest to the newest, takes bits away and evicts the first entry without one.
 */
export class Store {
  readonly #limits: StoreLimits;
  readonly #events: StoreEvents;
  readonly #slots = new Map<string, Entry[]>();
  #newest: Entry | null = null;
  #oldest: Entry | null = null;
  #hand: Entry | null = null;
  #entries = 0;
  #bytes = 0;
  /** Bytes of bodies that are still arriving. */
  #reserved = 0;

  constructor(limits: StoreLimits, events: StoreEvents = NOBODY) {
    this.#limits = limits;
    this.#events = events;
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Finds the response of a key that answers a request with those fields; of several the newest. */
  find(key: string, fields: FieldLookup): Entry | null {
    const slot = this.#slots.get(key);
    if (slot === undefined) return null;
    for (let at = slot.length - 1; at >= 0; at--) {
      const entry = slot[at];
      if (entry === undefined) continue;
      if (entry.varyNames.length === 0 || variantKey(entry.varyNames, fields) === entry.variant) return entry;
    }
    return null;
  }

  /** Says whether there is any response of a key. */
  has(key: string): boolean {
    return this.#slots.has(key);
  }

  /** Notes a use. */
  touch(entry: Entry): void {
    entry.hits++;
    entry.isVisited = true;
  }

  /**
   * Sets memory aside for a body that is arriving, and makes room for it; false when too much is set aside already, so that
   * what is stored would have to make way for what may never be whole.
   */
  reserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.#limits.bytes / 2) return false;
    this.#reserved += bytes;
    this.#makeRoom(0);
    return true;
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }

  /** Stores a response in place of the one that answers the same requests; false when it is too large for the whole store. */
  add(entry: Entry): boolean {
    if (entry.bytes > this.#limits.bytes || this.#limits.entries < 1) return false;
    const replaced = this.#slots.get(entry.key)?.find((other) => isReplaced(other, entry));
    if (replaced !== undefined) this.remove(replaced);
    this.#makeRoom(entry.bytes);
    const slot = this.#slots.get(entry.key);
    if (slot === undefined) this.#slots.set(entry.key, [entry]);
    else {
      slot.push(entry);
      if (slot.length > MAX_VARIANTS && slot[0] !== undefined) this.remove(slot[0]);
    }
    entry.isStored = true;
    entry.older = this.#newest;
    if (this.#newest !== null) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
    this.#entries++;
    this.#bytes += entry.bytes;
    this.#events.onSize(this.#entries, this.#bytes);
    return true;
  }

  /** Changes an entry; its size is counted anew. */
  update(entry: Entry, change: (entry: Entry) => void): void {
    const before = entry.bytes;
    change(entry);
    if (!entry.isStored) return;
    this.#bytes += entry.bytes - before;
    this.#makeRoom(0);
    this.#events.onSize(this.#entries, this.#bytes);
  }

  /** Forgets an entry. */
  remove(entry: Entry): void {
    if (!entry.isStored) return;
    entry.isStored = false;
    this.#unlink(entry);
    this.#entries--;
    this.#bytes -= entry.bytes;
    this.#events.onSize(this.#entries, this.#bytes);
    const slot = this.#slots.get(entry.key);
    if (slot === undefined) return;
    const at = slot.indexOf(entry);
    if (at >= 0) slot.splice(at, 1);
    if (slot.length === 0) this.#slots.delete(entry.key);
  }

  /** Forgets what fits; says how many entries that were. */
  purge(fits: (entry: Entry) => boolean): number {
    let purged = 0;
    for (let entry = this.#newest; entry !== null; ) {
      // Its neighbours are forgotten with it.
      const { older } = entry;
      if (fits(entry)) {
        this.remove(entry);
        purged++;
      }
      entry = older;
    }
    return purged;
  }

  /** Every entry, newest first. */
  *all(): Generator<Entry> {
    for (let entry = this.#newest; entry !== null; entry = entry.older) yield entry;
  }

  #makeRoom(bytes: number): void {
    const { entries: most, bytes: limit } = this.#limits;
    while (
      this.#entries > 0 &&
      (this.#entries + (bytes > 0 ? 1 : 0) > most || this.#bytes + this.#reserved + bytes > limit)
    ) {
      this.#evict();
    }
  }

  #evict(): void {
    let entry = this.#hand ?? this.#oldest;
    while (entry?.isVisited) {
      entry.isVisited = false;
      entry = entry.newer ?? this.#oldest;
    }
    if (entry === null) return;
    this.#hand = entry.newer;
    this.remove(entry);
    this.#events.onEvicted();
  }

  #unlink(entry: Entry): void {
    if (this.#hand === entry) this.#hand = entry.newer;
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = null;
    entry.older = null;
  }
}

/** The new one answers what the old one did. */
function isReplaced(old: Entry, entry: Entry): boolean {
  return old.variant === entry.variant && old.varyNames.join() === entry.varyNames.join();
}
