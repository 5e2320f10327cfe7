import type { ColumnCursor } from "./buffer-layout.ts";

/** The columns of the lease table, one number per slot each; guarded by the lock of the row that the slot belongs to. */
export interface LeaseColumns {
  /** Odd while the slot holds a lease; moves on when it is taken and when it is given back. */
  readonly generation: Int32Array;
  readonly row: Int32Array;
  readonly tier: Int32Array;
  /** 1 = made or shared by `POST /route`, 0 = by proxied requests alone. */
  readonly isRoute: Int32Array;
  /** Requests in flight that hold the lease whatever its expiry. */
  readonly holders: Int32Array;
  /** Picks that keep the lease until its expiry, whatever becomes of them. */
  readonly takers: Int32Array;
  /** Bit `(worker + 1) % 32` of each thread that has held it. */
  readonly holderBits: Int32Array;
  readonly cores: Int32Array;
  readonly gpus: Int32Array;
  /** Neighbours in the row's list, as slot + 1; 0 = none. `next` also links the free slots. */
  readonly next: Int32Array;
  readonly previous: Int32Array;
  readonly sinceMs: Float64Array;
  /** Held until then, even without holders. */
  readonly expiryMs: Float64Array;
  readonly memory: Float64Array;
  readonly disk: Float64Array;
}

export function declareLeaseColumns(cursor: ColumnCursor, capacity: number): LeaseColumns {
  return {
    generation: cursor.int32(capacity),
    row: cursor.int32(capacity),
    tier: cursor.int32(capacity),
    isRoute: cursor.int32(capacity),
    holders: cursor.int32(capacity),
    takers: cursor.int32(capacity),
    holderBits: cursor.int32(capacity),
    cores: cursor.int32(capacity),
    gpus: cursor.int32(capacity),
    next: cursor.int32(capacity),
    previous: cursor.int32(capacity),
    sinceMs: cursor.float64(capacity),
    expiryMs: cursor.float64(capacity),
    memory: cursor.float64(capacity),
    disk: cursor.float64(capacity),
  };
}
