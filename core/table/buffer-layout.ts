/**
 * Lays out the columns of a table in one SharedArrayBuffer. The same function that declares the columns runs
 * twice: over no buffer to measure, over the buffer to make the views. Every table starts with a header of
 * 32-bit words that holds a mark and the dimensions, so that a thread needs the buffer only.
 */

/** Words of a header; 64 bytes, so that columns start on a cache line. */
const HEADER_WORDS = 16;
const ALIGNMENT_BYTES = 64;

/** Hands out consecutive, cache-line aligned columns. */
export class ColumnCursor {
  readonly #buffer: SharedArrayBuffer | null;
  bytes: number = HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT;

  constructor(buffer: SharedArrayBuffer | null) {
    this.#buffer = buffer;
  }

  int32(length: number): Int32Array {
    const at = this.#advance(length * Int32Array.BYTES_PER_ELEMENT);
    return this.#buffer === null ? new Int32Array(0) : new Int32Array(this.#buffer, at, length);
  }

  float64(length: number): Float64Array {
    const at = this.#advance(length * Float64Array.BYTES_PER_ELEMENT);
    return this.#buffer === null ? new Float64Array(0) : new Float64Array(this.#buffer, at, length);
  }

  #advance(bytes: number): number {
    const at = this.bytes;
    this.bytes = Math.ceil((at + bytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    return at;
  }
}

/** Allocates a zeroed buffer of the size that `declare` asks for and writes the header. */
export function allocateTable(
  mark: number,
  dimensions: readonly number[],
  declare: (cursor: ColumnCursor) => unknown,
): SharedArrayBuffer {
  for (const dimension of dimensions) {
    if (!Number.isSafeInteger(dimension) || dimension < 0 || dimension > 0x7fff_ffff) {
      throw new RangeError(`cannot allocate a table: dimension ${dimension} is not a 31-bit natural number`);
    }
  }
  const measure = new ColumnCursor(null);
  declare(measure);
  const buffer = new SharedArrayBuffer(measure.bytes);
  new Int32Array(buffer, 0, HEADER_WORDS).set([mark, ...dimensions]);
  return buffer;
}

/** Opens the header of a buffer made by {@link allocateTable}; throws when it belongs to another kind of table. */
export function openHeader(buffer: SharedArrayBuffer, mark: number): Int32Array {
  const header = new Int32Array(buffer, 0, HEADER_WORDS);
  if (header[0] !== mark) {
    throw new TypeError(`cannot open the table: expected mark ${mark}, got ${String(header[0])}`);
  }
  return header;
}

/** Raises a word of a header to a value at least, whoever else does so now. */
export function raise(header: Int32Array, word: number, least: number): void {
  for (let before = Atomics.load(header, word); before < least; before = Atomics.load(header, word)) {
    Atomics.compareExchange(header, word, before, least);
  }
}

/**
 * Reads a number of a column; 0 beyond its end, which no caller reaches. One function per type of column: a shared
 * one would see two kinds of arrays, and the compiler would then specialise for neither.
 */
export function i32(column: Int32Array, index: number): number {
  return column[index] ?? 0;
}

export function f64(column: Float64Array, index: number): number {
  return column[index] ?? 0;
}
