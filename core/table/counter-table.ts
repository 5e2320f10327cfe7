import { allocateTable, ColumnCursor, f64, i32, openHeader } from "./buffer-layout.ts";
import { COUNTER_NAMES, type CounterName } from "./counter-names.ts";
import { CONTROL_PLANE } from "./spin-lock.ts";

const MARK = 0x6f70_6374;
/** Eight 8-byte numbers to a cache line: regions of different threads share none. */
const NUMBERS_PER_LINE = 8;
const STRIDE = Math.ceil(COUNTER_NAMES.length / NUMBERS_PER_LINE) * NUMBERS_PER_LINE;
const INDEX: ReadonlyMap<CounterName, number> = new Map(COUNTER_NAMES.map((name, index) => [name, index]));

/** Monotonic counters: each thread writes its own region without any lock, readers add up. */
export class CounterTable {
  readonly #values: Float64Array;
  readonly #regions: number;

  static allocate(workers: number): SharedArrayBuffer {
    return allocateTable(MARK, [workers + 1], (cursor) => declare(cursor, workers + 1));
  }

  constructor(buffer: SharedArrayBuffer) {
    this.#regions = i32(openHeader(buffer, MARK), 1);
    this.#values = declare(new ColumnCursor(buffer), this.#regions);
  }

  /** Adds to a counter of this thread; `worker` is its index, or {@link CONTROL_PLANE}. */
  inc(worker: number, counter: CounterName, by = 1): void {
    const index = (worker - CONTROL_PLANE) * STRIDE + (INDEX.get(counter) ?? 0);
    this.#values[index] = f64(this.#values, index) + by;
  }

  /** Gives the total of a counter over all threads since the start. */
  sum(counter: CounterName): number {
    const offset = INDEX.get(counter) ?? 0;
    let total = 0;
    for (let region = 0; region < this.#regions; region++) {
      total += f64(this.#values, region * STRIDE + offset);
    }
    return total;
  }
}

function declare(cursor: ColumnCursor, regions: number): Float64Array {
  return cursor.float64(regions * STRIDE);
}
