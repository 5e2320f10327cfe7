import { i32 } from "../buffer-layout.ts";
import { lockOwner } from "../spin-lock.ts";
import type { BackendColumns } from "./backend-columns.ts";
import { BREAKERS_PER_ROW, clearBreakers } from "./breaker-columns.ts";

/** Counts the backends with a breaker that is not closed, so that never too many are out at one time. */
export class OpenBreakers {
  readonly #columns: BackendColumns;
  readonly #header: Int32Array;
  /** Word of the header that counts rows. */
  readonly #word: number;

  constructor(columns: BackendColumns, header: Int32Array, word: number) {
    this.#columns = columns;
    this.#header = header;
    this.#word = word;
  }

  /** How many rows have a breaker that is not closed. */
  get rows(): number {
    return Atomics.load(this.#header, this.#word);
  }

  /** Counts one more of a row, unless more than `mostRows` would have one. */
  addLocked(row: number, mostRows: number): boolean {
    const { openBreakers } = this.#columns;
    // Taken and perhaps given back: two threads that ask at once must not both get the last place.
    if (i32(openBreakers, row) === 0 && Atomics.add(this.#header, this.#word, 1) >= mostRows) {
      Atomics.sub(this.#header, this.#word, 1);
      return false;
    }
    openBreakers[row] = i32(openBreakers, row) + 1;
    return true;
  }

  /** Counts one less of a row. */
  removeLocked(row: number): void {
    const { openBreakers } = this.#columns;
    openBreakers[row] = i32(openBreakers, row) - 1;
    if (i32(openBreakers, row) === 0) Atomics.sub(this.#header, this.#word, 1);
  }

  /** Closes every breaker of a row and forgets what it has seen. */
  clearLocked(row: number): void {
    const { openBreakers, breakers } = this.#columns;
    clearBreakers(breakers, row);
    if (i32(openBreakers, row) > 0) Atomics.sub(this.#header, this.#word, 1);
    openBreakers[row] = 0;
  }

  /** Ends the trials of a dead worker: their outcome will not be told. */
  dropTrialsOf(worker: number, rows: number): void {
    const { trial } = this.#columns.breakers;
    const owner = lockOwner(worker);
    for (let breaker = 0; breaker < rows * BREAKERS_PER_ROW; breaker++) {
      Atomics.compareExchange(trial, breaker, owner, 0);
    }
  }
}
