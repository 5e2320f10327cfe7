import { CONTROL_PLANE } from "./spin-lock.ts";

/**
 * Counts the connections of clients, all together and by address, over all workers. By address it is a count-min sketch
 * (Cormode and Muthukrishnan 2005, doi:10.1016/j.jalgor.2003.12.001): fixed memory for any number of addresses, never
 * below the truth, and above it only when an address collides with busy ones in every row. Each thread writes its own
 * share, so that what a dead thread held can be taken out.
 */
export class ClientConnections {
  readonly #counts: Int32Array;
  readonly #seeds: Uint32Array;
  readonly #threads: number;
  /** Where this thread's share begins. */
  readonly #share: number;

  /** Allocates for so many workers beside the control plane; `random` gives 32 random bits. */
  static allocate(workers: number, random: () => number): SharedArrayBuffer {
    const threads = workers - CONTROL_PLANE;
    const buffer = new SharedArrayBuffer(SEED_BYTES + 4 * SHARE * threads);
    const seeds = new Uint32Array(buffer, 0, ROWS);
    for (let row = 0; row < ROWS; row++) seeds[row] = random() | 1;
    return buffer;
  }

  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    this.#seeds = new Uint32Array(buffer, 0, ROWS);
    this.#counts = new Int32Array(buffer, SEED_BYTES);
    this.#threads = this.#counts.length / SHARE;
    this.#share = (worker - CONTROL_PLANE) * SHARE;
  }

  /** Connections that are open. */
  get total(): number {
    return this.#sum(TOTAL);
  }

  /** Counts a connection of an address; `by` is 1 or -1. */
  add(hi: number, lo: number, by: 1 | -1): void {
    this.#add(TOTAL, by);
    for (let row = 0; row < ROWS; row++) this.#add(this.#cell(row, hi, lo), by);
  }

  /** Connections of an address that are open, or a few more. */
  of(hi: number, lo: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let row = 0; row < ROWS; row++) least = Math.min(least, this.#sum(this.#cell(row, hi, lo)));
    return least;
  }

  /** Takes out what a worker that is dead had open. Control plane only. */
  releaseWorker(worker: number): void {
    const share = (worker - CONTROL_PLANE) * SHARE;
    for (let at = share; at < share + SHARE; at++) Atomics.store(this.#counts, at, 0);
  }

  #add(cell: number, by: number): void {
    Atomics.add(this.#counts, this.#share + cell, by);
  }

  #sum(cell: number): number {
    let sum = 0;
    for (let thread = 0; thread < this.#threads; thread++)
      sum += Atomics.load(this.#counts, thread * SHARE + cell);
    return sum;
  }

  /** The cell of an address in a row: multiplicative hashing of both words under the row's seed. */
  #cell(row: number, hi: number, lo: number): number {
    let hash = Math.imul(hi ^ this.#seeds[row]!, 0x9e37_79b1);
    hash = Math.imul((hash ^ (hash >>> 15)) + lo, 0x85eb_ca6b) ^ this.#seeds[row]!;
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return 1 + row * COLUMNS + ((hash ^ (hash >>> 16)) & (COLUMNS - 1));
  }
}

const ROWS = 4;
const COLUMNS = 8192;
const TOTAL = 0;
/** Cells of one thread: the total, and the sketch. */
const SHARE = 1 + ROWS * COLUMNS;
const SEED_BYTES = 4 * ROWS;
