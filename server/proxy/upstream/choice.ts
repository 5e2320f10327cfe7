import { Pick } from "../../../core/balancing/pick.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { chooseBackend, type Refused } from "./choosing.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

const NONE_TRIED: readonly number[] = [];

/** The backends that one request is sent to, one after the other, and what is held on the present one. */
export class Choice {
  readonly pick = new Pick();
  readonly #exchange: Exchange;
  #tried: number[] = [];
  /** The present backend has been sent nothing yet. */
  #isUnused = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Some backend was tried in vain. */
  get hasFailed(): boolean {
    return this.#tried.length > 0;
  }

  begin(): void {
    if (this.#tried.length > 0) this.#tried = [];
    this.#exchange.query.excluded = NONE_TRIED;
    this.#isUnused = false;
  }

  /** Chooses a backend that was not tried yet and gives the pool of its endpoint. */
  next(): UpstreamPool | Refused {
    for (;;) {
      const chosen = chooseBackend(this.#exchange, this.pick);
      this.#isUnused = true;
      if (chosen !== "moved") return chosen;
      this.exclude();
    }
  }

  /** The request is being sent: from here on its capacity is in use. */
  use(): void {
    this.#isUnused = false;
  }

  /** Gives the present backend up, for this request. */
  exclude(): void {
    this.settle();
    this.#tried.push(this.pick.row);
    this.#exchange.query.excluded = this.#tried;
  }

  /** Gives back what is held. */
  settle(): void {
    if (this.pick.settled) return;
    this.#exchange.plane.picker.settle(this.pick, Date.now(), this.#isUnused ? "unused" : "used");
  }
}
