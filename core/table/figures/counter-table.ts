import { allocateTable, ColumnCursor, f64, i32, openHeader, raise } from "../buffer-layout.ts";
import { CONTROL_PLANE } from "../spin-lock.ts";
import { COUNTER_NAMES, type CounterName } from "./counter-names.ts";

const MARK = 0x6f70_6374;
/** Words of the header. */
const REGIONS = 1;
/** How many regions have been opened by their threads, from the first: there may be room for many more. */
const USED = 2;
/** Eight 8-byte numbers to a cache line: regions of different threads share none. */
const NUMBERS_PER_LINE = 8;
const STRIDE = Math.ceil(COUNTER_NAMES.length / NUMBERS_PER_LINE) * NUMBERS_PER_LINE;
const INDEX: ReadonlyMap<CounterName, number> = new Map(COUNTER_NAMES.map((name, index) => [name, index]));
const REQUESTS = indexOf("requests");
const PICKS = indexOf("picks");
const ACCEPTED = indexOf("connections_accepted");
const CLOSED = indexOf("connections_closed");

/** Monotonic counters: each thread writes its own region without any lock, readers add up. */
export class CounterTable {
  readonly #values: Float64Array;
  readonly #header: Int32Array;

  static allocate(workers: number): SharedArrayBuffer {
    return allocateTable(MARK, [workers + 1], (cursor) => declare(cursor, workers + 1));
  }

  /** `worker` is the index of the thread that counts, or {@link CONTROL_PLANE}. */
  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    this.#header = openHeader(buffer, MARK);
    raise(this.#header, USED, worker - CONTROL_PLANE + 1);
    this.#values = declare(new ColumnCursor(buffer), i32(this.#header, REGIONS));
  }

  /** Adds to a counter of this thread; `worker` is its index, or {@link CONTROL_PLANE}. */
  inc(worker: number, counter: CounterName, by = 1): void {
    const index = (worker - CONTROL_PLANE) * STRIDE + (INDEX.get(counter) ?? 0);
    this.#values[index] = f64(this.#values, index) + by;
  }

  /**
   * Moves on when a connection or a request begins or ends. Those who look every second ask for it first: in a quiet time
   * so few calls that the runtime need not even compile what makes them.
   */
  activity(): number {
    const values = this.#values;
    const end = i32(this.#header, USED) * STRIDE;
    let total = 0;
    for (let at = 0; at < end; at += STRIDE) {
      total += (values[at + REQUESTS] ?? 0) + (values[at + PICKS] ?? 0);
      total += (values[at + ACCEPTED] ?? 0) + (values[at + CLOSED] ?? 0);
    }
    return total;
  }

  /** Gives the total of a counter over all threads since the start. */
  sum(counter: CounterName): number {
    const offset = INDEX.get(counter) ?? 0;
    let total = 0;
    for (let region = 0; region < i32(this.#header, USED); region++) {
      total += f64(this.#values, region * STRIDE + offset);
    }
    return total;
  }
}

function indexOf(counter: CounterName): number {
  return INDEX.get(counter) ?? 0;
}

function declare(cursor: ColumnCursor, regions: number): Float64Array {
  return cursor.float64(regions * STRIDE);
}
