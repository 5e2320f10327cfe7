import { allocateTable, ColumnCursor, f64, i32, openHeader } from "../buffer-layout.ts";
import { CONTROL_PLANE } from "../spin-lock.ts";

const MARK = 0x6f70_6c70;
/** Upper bounds in seconds; the last cell has none. */
export const LOOP_BOUNDS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] as const;
const CELLS = LOOP_BOUNDS_SECONDS.length + 1;
const NUMBERS_PER_LINE = 8;
/** The cells, and then the sum of the delays. */
const STRIDE = Math.ceil((CELLS + 1) / NUMBERS_PER_LINE) * NUMBERS_PER_LINE;

/** How late the timers of a thread were. */
export interface LoopReading {
  /** How many delays were at or below each bound; the last counts all. */
  readonly cumulative: readonly number[];
  readonly sumSeconds: number;
}

/** How long each thread keeps what is due waiting; each writes its own region. */
export class LoopTable {
  readonly #numbers: Float64Array;
  readonly #own: number;

  static allocate(workers: number): SharedArrayBuffer {
    return allocateTable(MARK, [workers + 1], (cursor) => cursor.float64((workers + 1) * STRIDE));
  }

  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    const threads = i32(openHeader(buffer, MARK), 1);
    this.#numbers = new ColumnCursor(buffer).float64(threads * STRIDE);
    this.#own = regionOf(worker);
  }

  /** A timer of this thread came so late, in milliseconds. */
  late(ms: number): void {
    const seconds = Math.max(0, ms) / 1000;
    let cell = 0;
    while (cell < CELLS - 1 && seconds > (LOOP_BOUNDS_SECONDS[cell] ?? Infinity)) cell++;
    this.#add(cell, 1);
    this.#add(CELLS, seconds);
  }

  /** `worker` is a thread's index, or {@link CONTROL_PLANE}. */
  read(worker: number): LoopReading {
    const from = regionOf(worker);
    let sum = 0;
    const cumulative = Array.from({ length: CELLS }, (_, cell) => {
      sum += f64(this.#numbers, from + cell);
      return sum;
    });
    return { cumulative, sumSeconds: f64(this.#numbers, from + CELLS) };
  }

  #add(field: number, by: number): void {
    const at = this.#own + field;
    this.#numbers[at] = f64(this.#numbers, at) + by;
  }
}

function regionOf(worker: number): number {
  return (worker - CONTROL_PLANE) * STRIDE;
}
