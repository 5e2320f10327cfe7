import type { ConnectionSlots } from "../../../core/table/backend/connection-slots.ts";
import type { TrafficTable } from "../../../core/table/figures/traffic-table.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { Slots } from "../net/wiring.ts";

/** The pools of this worker that have idle connections to backends whose connections are limited. */
export class SpareConnections {
  readonly #spare = new Map<RowSlots, () => boolean>();
  readonly #onChange: (isAny: boolean) => void;

  /** `onChange` is told when the first such pool comes and when the last one goes. */
  constructor(onChange: (isAny: boolean) => void) {
    this.#onChange = onChange;
  }

  /** Gives up one idle connection to each backend to which another worker would like to have one. */
  yield(): void {
    for (const [slots, closeOne] of this.#spare) if (slots.isWanted) closeOne();
  }

  set(slots: RowSlots, closeOne: (() => boolean) | null): void {
    const before = this.#spare.size;
    if (closeOne === null) this.#spare.delete(slots);
    else this.#spare.set(slots, closeOne);
    if ((before === 0) !== (this.#spare.size === 0)) this.#onChange(before === 0);
  }
}

/** Who is told of limited connections. */
export interface SlotBells {
  /** One was given back: waiting requests may look again. */
  freed(): void;
  /** One is wanted: idle ones of other workers may be had. */
  wanted(): void;
}

/** Counts the connections of one pool as those to the backend of a row. */
export class RowSlots implements Slots {
  readonly #connections: ConnectionSlots;
  readonly #traffic: TrafficTable;
  readonly #spare: SpareConnections;
  readonly #row: number;
  readonly #generation: number;
  readonly #bells: SlotBells;

  constructor(
    { connections, traffic }: Pick<Tables, "connections" | "traffic">,
    spare: SpareConnections,
    at: { readonly row: number; readonly generation: number },
    bells: SlotBells,
  ) {
    this.#connections = connections;
    this.#traffic = traffic;
    this.#spare = spare;
    this.#row = at.row;
    this.#generation = at.generation;
    this.#bells = bells;
  }

  get isScarce(): boolean {
    return this.#connections.isScarce(this.#row);
  }

  get isWanted(): boolean {
    return this.#connections.isWanted(this.#row);
  }

  take(): boolean {
    const outcome = this.#connections.take(this.#row);
    // Once is enough: who rings with each attempt in vain has everybody look, fail and ring without end.
    if (outcome === "wanted") this.#bells.wanted();
    return outcome === "taken";
  }

  giveBack(): void {
    this.#connections.giveBack(this.#row, this.#generation);
    if (this.isScarce) this.#bells.freed();
  }

  idle(more: 1 | -1): void {
    this.#traffic.idle(this.#row, this.#generation, more);
  }

  spare(closeOne: (() => boolean) | null): void {
    this.#spare.set(this, closeOne);
  }
}
