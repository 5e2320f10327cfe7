import { allocateTable, ColumnCursor, f64, i32, openHeader } from "./buffer-layout.ts";

const MARK = 0x6f70_637a;

/** How much the cache of each worker holds: each writes its own two numbers, readers add up. */
export class CacheSizes {
  readonly #entries: Float64Array;
  readonly #bytes: Float64Array;
  readonly #workers: number;

  static allocate(workers: number): SharedArrayBuffer {
    return allocateTable(MARK, [workers], (cursor) => declare(cursor, workers));
  }

  constructor(buffer: SharedArrayBuffer) {
    this.#workers = i32(openHeader(buffer, MARK), 1);
    const { entries, bytes } = declare(new ColumnCursor(buffer), this.#workers);
    this.#entries = entries;
    this.#bytes = bytes;
  }

  /** Notes what a worker holds now. */
  set(worker: number, entries: number, bytes: number): void {
    this.#entries[worker] = entries;
    this.#bytes[worker] = bytes;
  }

  /** What all workers hold together; a body that they share counts for each. */
  total(): { readonly entries: number; readonly bytes: number } {
    let entries = 0;
    let bytes = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      entries += f64(this.#entries, worker);
      bytes += f64(this.#bytes, worker);
    }
    return { entries, bytes };
  }
}

function declare(
  cursor: ColumnCursor,
  workers: number,
): { readonly entries: Float64Array; readonly bytes: Float64Array } {
  return { entries: cursor.float64(workers), bytes: cursor.float64(workers) };
}
