import type { Store } from "../../../core/cache/store.ts";
import { bodyMemory } from "./sharing.ts";

const FIRST_BYTES = 16_384;

/** A body that is on its way to a client and is to be stored: its copy, as long as there is room for it. */
export class Fill {
  readonly #store: Store;
  readonly #maxBytes: number;
  readonly #isShared: boolean;
  /** Null once it has been given up. */
  #bytes: Buffer | null = null;
  #length = 0;

  /** `declared` is the length that the response states, -1 without one; with `isShared` other workers may be told. */
  constructor(store: Store, maxBytes: number, declared: number, isShared: boolean) {
    this.#store = store;
    this.#maxBytes = maxBytes;
    this.#isShared = isShared;
    const first = declared >= 0 ? declared : Math.min(FIRST_BYTES, maxBytes);
    if (first <= maxBytes && store.reserve(first)) this.#bytes = bodyMemory(first, isShared);
  }

  /** It will not be stored. */
  get isGivenUp(): boolean {
    return this.#bytes === null;
  }

  add(bytes: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (this.#bytes === null || !this.#grow(needed)) return;
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
  }

  /** Gives the whole body, which from now on is the caller's; null when it was given up. */
  finish(): Buffer | null {
    const bytes = this.#bytes;
    this.giveUp();
    if (bytes === null) return null;
    if (this.#length === bytes.length) return bytes;
    const exact = bodyMemory(this.#length, this.#isShared);
    bytes.copy(exact, 0, 0, this.#length);
    return exact;
  }

  giveUp(): void {
    if (this.#bytes === null) return;
    this.#store.release(this.#bytes.length);
    this.#bytes = null;
  }

  /** Makes room for so many bytes; false when there is none. */
  #grow(needed: number): boolean {
    const bytes = this.#bytes;
    if (bytes === null || needed <= bytes.length) return bytes !== null;
    const size = Math.min(this.#maxBytes, Math.max(2 * bytes.length, needed));
    if (needed > size || !this.#store.reserve(size - bytes.length)) {
      this.giveUp();
      return false;
    }
    const larger = bodyMemory(size, this.#isShared);
    bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return true;
  }
}
