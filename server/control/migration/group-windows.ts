import { EMPTY_GROUP, type GroupWindow, type Windows } from "../../../core/migration/window.ts";
import {
  attemptsOf,
  failuresOf,
  type TrafficReading,
  trafficSince,
} from "../../../core/table/figures/traffic-reading.ts";
import type { Tables } from "../../../core/table/tables.ts";

/** A backend of a group, as it is found in the tables. */
export interface Member {
  readonly row: number;
  readonly generation: number;
}

export interface Members {
  readonly from: readonly Member[];
  readonly to: readonly Member[];
}

interface Sum {
  requests: number;
  errors: number;
  durationMs: number;
  readonly cells: Float64Array;
}

/** What two groups have done since a window began, whoever has joined or left them meanwhile. */
export class GroupWindows {
  readonly #tables: Tables;
  /** What was last read of each backend, by group, row and generation. */
  #read = new Map<string, TrafficReading>();
  #from: Sum;
  #to: Sum;
  #fallbacks = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#from = this.#nothing();
    this.#to = this.#nothing();
  }

  /** Begins a new window. */
  begin(members: Members): void {
    this.#from = this.#nothing();
    this.#to = this.#nothing();
    this.#fallbacks = this.#tables.counters.sum("migration_fallbacks");
    this.#read = new Map();
    this.collect(members);
  }

  /** Adds what has come since the last time; of a backend that was no member of its group then, nothing yet. */
  collect({ from, to }: Members): void {
    const read = new Map<string, TrafficReading>();
    for (const member of from) this.#add(this.#from, `from ${member.row} ${member.generation}`, member, read);
    for (const member of to) this.#add(this.#to, `to ${member.row} ${member.generation}`, member, read);
    this.#read = read;
  }

  /** The window so far. */
  get windows(): Windows {
    const fallbacks = this.#tables.counters.sum("migration_fallbacks") - this.#fallbacks;
    return { from: this.#windowOf(this.#from), to: this.#windowOf(this.#to), fallbacks };
  }

  #add(sum: Sum, key: string, { row, generation }: Member, read: Map<string, TrafficReading>): void {
    const now = this.#tables.traffic.read(row, generation);
    const before = this.#read.get(key);
    read.set(key, now);
    if (before === undefined) return;
    const since = trafficSince(now, before);
    sum.requests += attemptsOf(since);
    sum.errors += failuresOf(since);
    sum.durationMs += since.durationMs;
    for (const [cell, count] of since.cells.entries()) sum.cells[cell] = (sum.cells[cell] ?? 0) + count;
  }

  #windowOf({ cells, ...sum }: Sum): GroupWindow {
    if (sum.requests === 0) return EMPTY_GROUP;
    return { ...sum, cells, boundsMs: this.#tables.traffic.scale.cellBoundsMs };
  }

  #nothing(): Sum {
    return {
      requests: 0,
      errors: 0,
      durationMs: 0,
      cells: new Float64Array(this.#tables.traffic.scale.cells),
    };
  }
}
