import { f64, i32 } from "../buffer-layout.ts";
import { BACKUP_OF_ALL, type BackendColumns, CLAIMED, NO_BACKUP } from "./backend-columns.ts";

/** How much of the requests a row is to get, and when. */
export interface Preference {
  /** Share among the rows that can take a request, from 0; 0 = no new requests, but sessions stay. */
  readonly weight: number;
  /** The row that it stands in for while that cannot take a request; {@link NO_BACKUP}, {@link BACKUP_OF_ALL}. */
  readonly backupOf: number;
}

const NO_PREFERENCE: Preference = { weight: 1, backupOf: NO_BACKUP };

/** The preferences of all rows, and how many rows stand in for others. */
export class Preferences {
  readonly #columns: BackendColumns;
  readonly #header: Int32Array;
  /** Word of the header that counts rows that stand in for others. */
  readonly #word: number;

  constructor(columns: BackendColumns, header: Int32Array, word: number) {
    this.#columns = columns;
    this.#header = header;
    this.#word = word;
  }

  get backupRows(): number {
    return Atomics.load(this.#header, this.#word);
  }

  of(row: number): Preference {
    return { weight: f64(this.#columns.weight, row), backupOf: i32(this.#columns.backupOf, row) };
  }

  /** Throws a RangeError when the weight is no number from 0 on, or `backupOf` names no row. Control plane only. */
  set(row: number, { weight, backupOf }: Preference): void {
    if (!(weight >= 0 && weight < Infinity)) {
      throw new RangeError(
        `cannot set the weight of row ${row}: must be a number of at least 0, got ${weight}`,
      );
    }
    if (backupOf < BACKUP_OF_ALL || backupOf >= this.#columns.flags.length) {
      throw new RangeError(`cannot make row ${row} the backup of row ${backupOf}: there is no such row`);
    }
    this.#columns.weight[row] = weight;
    this.#setBackupOf(row, backupOf === row ? NO_BACKUP : backupOf);
  }

  /** Forgets the row's own, and that others stand in for it: its next owner is another backend. */
  clear(row: number, limit: number): void {
    const { flags, backupOf } = this.#columns;
    this.set(row, NO_PREFERENCE);
    for (let other = 0; other < limit; other++) {
      const isClaimed = (i32(flags, other) & CLAIMED) !== 0;
      if (isClaimed && i32(backupOf, other) === row) this.#setBackupOf(other, NO_BACKUP);
    }
  }

  #setBackupOf(row: number, backupOf: number): void {
    const before = Atomics.exchange(this.#columns.backupOf, row, backupOf);
    if ((before === NO_BACKUP) === (backupOf === NO_BACKUP)) return;
    Atomics.add(this.#header, this.#word, backupOf === NO_BACKUP ? -1 : 1);
  }
}
