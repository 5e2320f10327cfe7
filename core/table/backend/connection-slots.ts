import { i32 } from "../buffer-layout.ts";
import { CONTROL_PLANE } from "../spin-lock.ts";
import type { BackendTable } from "./backend-table.ts";

/** Counts the connections that all threads have to each backend, and keeps them below its limit. */
export class ConnectionSlots {
  readonly #backends: BackendTable;
  /** Where this thread's share of the counts begins. */
  readonly #share: number;

  constructor(backends: BackendTable, worker: number = CONTROL_PLANE) {
    this.#backends = backends;
    this.#share = (worker - CONTROL_PLANE) * backends.capacity;
  }

  /** How many connections there are to a row. */
  open(row: number): number {
    return Atomics.load(this.#backends.columns.connections, row);
  }

  /**
   * Counts one more connection of this thread. Else the row has as many as it may have, and one of them is wanted: `wanted`
   * when that is news to those who could give one up, `full` when they know.
   */
  take(row: number): "taken" | "wanted" | "full" {
    const { connections, connectionsOf, connectionsWanted, maxConnections } = this.#backends.columns;
    const most = i32(maxConnections, row);
    for (;;) {
      const open = Atomics.load(connections, row);
      if (open >= most && most > 0) {
        return Atomics.exchange(connectionsWanted, row, 1) === 0 ? "wanted" : "full";
      }
      if (Atomics.compareExchange(connections, row, open, open + 1) === open) break;
    }
    connectionsOf[this.#share + row] = i32(connectionsOf, this.#share + row) + 1;
    return "taken";
  }

  /** Counts one less; of a generation that is gone there is nothing to count. */
  giveBack(row: number, generation: number): void {
    const { connections, connectionsOf } = this.#backends.columns;
    if (this.#backends.generation(row) !== generation) return;
    Atomics.sub(connections, row, 1);
    connectionsOf[this.#share + row] = i32(connectionsOf, this.#share + row) - 1;
  }

  /** Whether the number of connections to a row is limited. */
  isScarce(row: number): boolean {
    return i32(this.#backends.columns.maxConnections, row) > 0;
  }

  /** Whether a thread would like to have a connection that another one could give up; asking clears the wish. */
  isWanted(row: number): boolean {
    const { connectionsWanted } = this.#backends.columns;
    return Atomics.load(connectionsWanted, row) === 1 && Atomics.exchange(connectionsWanted, row, 0) === 1;
  }
}
