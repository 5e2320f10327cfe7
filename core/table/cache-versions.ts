import { allocateTable, ColumnCursor, openHeader } from "./buffer-layout.ts";

const MARK = 0x6f70_6376;
/** A power of two. URIs that share a slot are invalidated together, which costs a request and nothing else. */
const SLOTS = 65_536;
const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/**
 * Versions of URIs, shared by all workers: a stored response counts while the version of its URI is the one of when its
 * request was sent. One worker that moves a version on invalidates what every worker has stored, or is about to store,
 * at once and without a message.
 */
export class CacheVersions {
  readonly #versions: Int32Array;
  readonly #purges: Int32Array;

  /** Without a cache nobody looks, and one slot will do. */
  static allocate(isUsed: boolean): SharedArrayBuffer {
    const slots = isUsed ? SLOTS : 1;
    return allocateTable(MARK, [slots], (cursor) => declare(cursor, slots));
  }

  constructor(buffer: SharedArrayBuffer) {
    const slots = openHeader(buffer, MARK)[1] ?? 1;
    const { versions, purges } = declare(new ColumnCursor(buffer), slots);
    this.#versions = versions;
    this.#purges = purges;
  }

  of(uri: string): number {
    return Atomics.load(this.#versions, this.#slot(uri));
  }

  /** Invalidates all that is stored of a URI. */
  moveOn(uri: string): void {
    Atomics.add(this.#versions, this.#slot(uri), 1);
  }

  /** How often anything was purged: what was asked for before the last time is not to be stored. */
  get purges(): number {
    return Atomics.load(this.#purges, 0);
  }

  purged(): void {
    Atomics.add(this.#purges, 0, 1);
  }

  #slot(uri: string): number {
    return hashUri(uri) & (this.#versions.length - 1);
  }
}

function declare(
  cursor: ColumnCursor,
  slots: number,
): { readonly versions: Int32Array; readonly purges: Int32Array } {
  return { versions: cursor.int32(slots), purges: cursor.int32(1) };
}

/** FNV-1a in 32 bits: spreads, and guards nothing. */
export function hashUri(uri: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < uri.length; at++) {
    hash = Math.imul(hash ^ uri.charCodeAt(at), FNV_PRIME);
  }
  return hash >>> 0;
}
