import type { QueueTable } from "../../../core/table/queue-table.ts";
import type { QueueOptions } from "../options.ts";
import { guarded } from "../thread/faults.ts";

/** A request that waits for room. */
export interface Waiting {
  readonly tier: number;
  /** What room it needs beyond that of its tier; requests that say the same find room at the same time. */
  readonly needs: string;
  /** Looks for room; false when it has to go on waiting. */
  tryAgain(): boolean;
}

/** Room also comes by itself, as when a lease expires: then nobody rings. */
const LOOK_AGAIN_MS = 100;
/** So many different needs are looked at in one turn. */
const MAX_LOOKS = 64;

/** The requests of one worker that wait for room, first in, first out within a tier; see {@link QueueTable} for the others. */
export class RequestQueue {
  readonly #table: QueueTable;
  readonly #options: Pick<QueueOptions, "most">;
  /** By tier, in the order of their tickets. */
  readonly #lines: Map<Waiting, number>[];
  /** Called at each turn: whoever holds what others want may give it up. */
  readonly #onBell: () => void;
  #size = 0;
  #watchers = 0;
  #isListening = false;

  constructor(table: QueueTable, tiers: number, options: Pick<QueueOptions, "most">, onBell: () => void) {
    this.#table = table;
    this.#options = options;
    this.#lines = Array.from({ length: tiers }, () => new Map<Waiting, number>());
    this.#onBell = onBell;
  }

  /** Requests of the tier wait, here or in other workers: who comes now has to wait for them. */
  isContended(tier: number): boolean {
    return this.#table.waiting(tier) > 0;
  }

  /** Puts a request at the end; false when too many wait. */
  enter(request: Waiting): boolean {
    const ticket = this.#table.enter(request.tier, this.#options.most);
    if (ticket === 0) return false;
    this.#lines[request.tier]?.set(request, ticket);
    this.#size++;
    this.#show(request.tier);
    this.#listen();
    return true;
  }

  /** Takes a request out; says whether it was there. */
  leave(request: Waiting): boolean {
    if (this.#lines[request.tier]?.delete(request) !== true) return false;
    this.#size--;
    this.#table.leave(request.tier);
    this.#show(request.tier);
    // Those behind it may have waited for it alone.
    if (this.#table.size > 0) this.#table.ring();
    return true;
  }

  /** Hears the bell for somebody who does not wait, until it is taken back. */
  watch(on: boolean): void {
    this.#watchers += on ? 1 : -1;
    if (on) this.#listen();
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    void this.#hear();
  }

  async #hear(): Promise<void> {
    while (this.#size > 0 || this.#watchers > 0) {
      const { bell } = this.#table;
      for (let tier = 0; tier < this.#lines.length; tier++) guarded(() => this.#turn(tier));
      // What none of ours could use.
      guarded(this.#onBell);
      // However often it rings, connections must be heard between two turns.
      if (!(await this.#table.heard(bell, LOOK_AGAIN_MS))) await nextTurn();
    }
    this.#isListening = false;
  }

  /** Serves those whose turn it is, as long as there is room. */
  #turn(tier: number): void {
    const line = this.#lines[tier] ?? new Map<Waiting, number>();
    for (let first = firstOf(line); first !== null; first = firstOf(line)) {
      const { room } = this.#table;
      if (!this.#table.isTurn(tier, first)) return;
      if (!this.#serveOne(line)) {
        this.#table.block(tier, room);
        return;
      }
    }
  }

  /** Serves the first that finds room; one with the needs of another that found none is not asked. */
  #serveOne(line: Map<Waiting, number>): boolean {
    const refused = new Set<string>();
    for (const request of line.keys()) {
      if (refused.has(request.needs)) continue;
      if (request.tryAgain()) return true;
      refused.add(request.needs);
      if (refused.size >= MAX_LOOKS) return false;
    }
    return false;
  }

  #show(tier: number): void {
    this.#table.show(tier, firstOf(this.#lines[tier]) ?? 0);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function firstOf(line: Map<Waiting, number> | undefined): number | null {
  for (const ticket of line?.values() ?? []) return ticket;
  return null;
}
