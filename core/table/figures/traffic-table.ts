import { allocateTable, ColumnCursor, f64, i32, openHeader, raise } from "../buffer-layout.ts";
import { CONTROL_PLANE } from "../spin-lock.ts";
import { cellsFor, DurationScale } from "./duration-scale.ts";
import {
  BROKEN,
  BYTES_IN,
  BYTES_OUT,
  CLOSED,
  CONNECTS,
  DURATION_MS,
  ENDED,
  ERRORS,
  FIRST_CELL,
  FIRST_STATUS,
  GENERATION,
  IDLE,
  LAST_AT_MS,
  OPENED,
  QUEUED_MS,
  RETRIES,
  REUSES,
  statusSlot,
} from "./traffic-layout.ts";
import { byClassOf, type TrafficReading } from "./traffic-reading.ts";

const MARK = 0x6f70_7472;
/** Words of the header. */
const CAPACITY = 1;
const WORKERS = 2;
const BOUNDS = 3;
/** How many regions have been opened by their workers, from the first: there may be room for many more. */
const USED = 4;
/** Eight numbers to a cache line. */
const NUMBERS_PER_LINE = 8;
/** A session that has become a tunnel: it lasts as long as its ends like. */
const SWITCHED = 101;
/** Rows beyond those of the backends: what no backend had a part in, and everything. Their generation is this one. */
const EXTRA_ROWS = 2;
const EXTRA_GENERATION = 1;

interface Columns {
  readonly boundsMs: Float64Array;
  /** By worker, row and what `traffic-layout.ts` names. */
  readonly numbers: Float64Array;
}

/** The end of one request, as a worker writes it; one object per worker, filled for each request. */
export interface TrafficEnd {
  status: number;
  durationMs: number;
  queuedMs: number;
  bytesIn: number;
  bytesOut: number;
  nowMs: number;
}

/**
 * What became of the requests of each backend. Each worker writes its own region without any lock; readers add the
 * regions up. A row starts at nothing when the backend table gives it to another backend: its generation tells.
 */
export class TrafficTable {
  readonly scale: DurationScale;
  readonly #capacity: number;
  readonly #header: Int32Array;
  readonly #stride: number;
  readonly #numbers: Float64Array;
  /** Where this thread's region begins. */
  readonly #own: number;

  /** `boundsMs` are those of the histogram, ascending, at most `MAX_DURATION_BOUNDS`. */
  static allocate(capacity: number, workers: number, boundsMs: readonly number[]): SharedArrayBuffer {
    const dimensions = [capacity, workers, boundsMs.length];
    const buffer = allocateTable(MARK, dimensions, (cursor) => declare(cursor, dimensions));
    declare(new ColumnCursor(buffer), dimensions).boundsMs.set(boundsMs);
    return buffer;
  }

  /** `worker` is whose region {@link TrafficTable.ended} and its like write; the control plane reads only. */
  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    const header = openHeader(buffer, MARK);
    this.#capacity = i32(header, CAPACITY);
    this.#header = header;
    const dimensions = [this.#capacity, i32(header, WORKERS), i32(header, BOUNDS)];
    const columns = declare(new ColumnCursor(buffer), dimensions);
    this.scale = new DurationScale([...columns.boundsMs]);
    this.#stride = strideFor(i32(header, BOUNDS));
    this.#numbers = columns.numbers;
    raise(header, USED, worker + 1);
    this.#own = Math.max(0, worker) * (this.#capacity + EXTRA_ROWS) * this.#stride;
  }

  /** A request has ended with a backend; with row -1 no backend had a part in it. */
  ended(row: number, generation: number, end: TrafficEnd): void {
    const isOurs = row < 0;
    const at = this.#open(isOurs ? this.#capacity : row, isOurs ? EXTRA_GENERATION : generation);
    if (at >= 0) this.#add(at, end);
    this.#add(this.#open(this.#capacity + 1, EXTRA_GENERATION), end);
  }

  /** An attempt has brought no valid answer. */
  failed(row: number, generation: number): void {
    this.#count(row, generation, ERRORS);
  }

  /** An attempt has failed, and the request is on its way to another backend, or the cache answers it. */
  retried(row: number, generation: number): void {
    this.#count(row, generation, RETRIES);
  }

  /** An answer that had begun well was cut, beside having failed: the client has a failure, whatever the status was. */
  broke(row: number, generation: number): void {
    this.#count(row, generation, BROKEN);
    this.#count(this.#capacity + 1, EXTRA_GENERATION, BROKEN);
  }

  /** A request goes over a connection that was kept, or is to be opened. */
  connected(row: number, generation: number, isReused: boolean): void {
    this.#count(row, generation, isReused ? REUSES : CONNECTS);
  }

  /** A circuit breaker has opened or closed. */
  breakerTurned(row: number, generation: number, to: "opened" | "closed"): void {
    this.#count(row, generation, to === "opened" ? OPENED : CLOSED);
  }

  /** That many more connections of this thread are kept without work. */
  idle(row: number, generation: number, more: 1 | -1): void {
    this.#count(row, generation, IDLE, more);
  }

  /** Forgets the kept connections of a worker that has died; what it counted stays true. Control plane only. */
  releaseWorker(worker: number): void {
    const rows = this.#capacity + EXTRA_ROWS;
    for (let row = 0; row < rows; row++) this.#numbers[(worker * rows + row) * this.#stride + IDLE] = 0;
  }

  /** What one backend did since it has its row. */
  read(row: number, generation: number): TrafficReading {
    const sums = this.#sum(row, generation);
    const statuses = sums.subarray(FIRST_STATUS, FIRST_CELL);
    const byClass = byClassOf(statuses);
    const [informational, successful, redirected, clients, servers] = byClass;
    return {
      requests: informational + successful + redirected + clients + servers,
      byClass,
      statuses,
      errors: f64(sums, ERRORS),
      retries: f64(sums, RETRIES),
      broken: f64(sums, BROKEN),
      bytesIn: f64(sums, BYTES_IN),
      bytesOut: f64(sums, BYTES_OUT),
      durationMs: f64(sums, DURATION_MS),
      queuedMs: f64(sums, QUEUED_MS),
      cells: sums.subarray(FIRST_CELL, FIRST_CELL + this.scale.cells),
      lastAtMs: f64(sums, LAST_AT_MS),
      connects: f64(sums, CONNECTS),
      reuses: f64(sums, REUSES),
      breakersOpened: f64(sums, OPENED),
      breakersClosed: f64(sums, CLOSED),
      idle: Math.max(0, f64(sums, IDLE)),
    };
  }

  /** What no backend had a part in: refused, no room, left before. */
  readUnserved(): TrafficReading {
    return this.read(this.#capacity, EXTRA_GENERATION);
  }

  /** Everything since the start, backends that are gone included; of attempts, only those whose answer clients got. */
  readTotal(): TrafficReading {
    return this.read(this.#capacity + 1, EXTRA_GENERATION);
  }

  /** Moves on with each attempt of a backend that counts in a {@link read}ing. */
  events(row: number, generation: number): number {
    const numbers = this.#numbers;
    let sum = 0;
    for (let worker = 0; worker < i32(this.#header, USED); worker++) {
      const at = (worker * (this.#capacity + EXTRA_ROWS) + row) * this.#stride;
      if (f64(numbers, at + GENERATION) === generation)
        sum += f64(numbers, at + ENDED) + f64(numbers, at + RETRIES);
    }
    return sum;
  }

  /** Moves on with every request that ends. */
  eventsOfAll(): number {
    return this.events(this.#capacity + 1, EXTRA_GENERATION);
  }

  #add(at: number, end: TrafficEnd): void {
    const numbers = this.#numbers;
    const status = at + FIRST_STATUS + statusSlot(end.status);
    numbers[status] = f64(numbers, status) + 1;
    numbers[at + BYTES_IN] = f64(numbers, at + BYTES_IN) + end.bytesIn;
    numbers[at + BYTES_OUT] = f64(numbers, at + BYTES_OUT) + end.bytesOut;
    numbers[at + LAST_AT_MS] = end.nowMs;
    numbers[at + ENDED] = f64(numbers, at + ENDED) + 1;
    if (end.queuedMs > 0) numbers[at + QUEUED_MS] = f64(numbers, at + QUEUED_MS) + end.queuedMs;
    if (end.status === SWITCHED) return;
    const cell = at + FIRST_CELL + this.scale.cellOf(end.durationMs);
    numbers[cell] = f64(numbers, cell) + 1;
    numbers[at + DURATION_MS] = f64(numbers, at + DURATION_MS) + end.durationMs;
  }

  #count(row: number, generation: number, field: number, by = 1): void {
    const at = this.#open(row, generation);
    if (at >= 0) this.#numbers[at + field] = f64(this.#numbers, at + field) + by;
  }

  /** Where this thread's numbers of a row are, empty if they were another generation's; -1 for one that is gone. */
  #open(row: number, generation: number): number {
    const numbers = this.#numbers;
    const at = this.#own + row * this.#stride;
    const before = f64(numbers, at + GENERATION);
    if (before === generation) return at;
    // Of a backend that is gone, and whose row another one has: its last requests count for nobody.
    if (before > generation) return -1;
    numbers[at + GENERATION] = 0;
    numbers.fill(0, at + 1, at + this.#stride);
    numbers[at + GENERATION] = generation;
    return at;
  }

  /** The numbers of a row, those of all workers together; a copy. */
  #sum(row: number, generation: number): Float64Array {
    const numbers = this.#numbers;
    let sums: Float64Array | null = null;
    for (let worker = 0; worker < i32(this.#header, USED); worker++) {
      const at = (worker * (this.#capacity + EXTRA_ROWS) + row) * this.#stride;
      if (f64(numbers, at + GENERATION) !== generation) continue;
      if (sums === null) {
        sums = numbers.slice(at, at + this.#stride);
        continue;
      }
      const lastAtMs = Math.max(f64(sums, LAST_AT_MS), f64(numbers, at + LAST_AT_MS));
      for (let index = 1; index < this.#stride; index++) {
        sums[index] = f64(sums, index) + f64(numbers, at + index);
      }
      sums[LAST_AT_MS] = lastAtMs;
    }
    return sums ?? new Float64Array(this.#stride);
  }
}

function strideFor(bounds: number): number {
  return Math.ceil((FIRST_CELL + cellsFor(bounds)) / NUMBERS_PER_LINE) * NUMBERS_PER_LINE;
}

function declare(cursor: ColumnCursor, [capacity = 0, workers = 0, bounds = 0]: readonly number[]): Columns {
  return {
    boundsMs: cursor.float64(bounds),
    numbers: cursor.float64(workers * (capacity + EXTRA_ROWS) * strideFor(bounds)),
  };
}
