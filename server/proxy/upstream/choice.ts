import { Pick, type PickStatus } from "../../../core/balancing/pick.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { UpstreamPool } from "../exchange/sides.ts";
import { chooseBackend, type Refused } from "./choosing.ts";

const NONE_TRIED: readonly number[] = [];

/** The backends that one request is sent to, one after the other, and what is held on the present one. */
export class Choice {
  readonly pick = new Pick();
  readonly #exchange: Exchange;
  #tried: number[] = [];
  /** The present backend has been sent nothing yet. */
  #isUnused = false;
  #hasFailed = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Some backend was tried in vain. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  begin(): void {
    if (this.#tried.length > 0) this.#tried = [];
    this.#exchange.query.excluded = NONE_TRIED;
    this.#isUnused = false;
    this.#hasFailed = false;
  }

  /** Chooses a backend for a caller that goes there by itself: what is leased outlives the exchange. */
  route(): PickStatus {
    const { query, plane } = this.#exchange;
    this.begin();
    plane.count("picks");
    return plane.picker.pick(query, this.pick);
  }

  /** Chooses a backend that was not tried yet and gives the pool of its endpoint. */
  next(): UpstreamPool | Refused {
    for (;;) {
      const chosen = chooseBackend(this.#exchange, this.pick);
      if (chosen === "no_backend" || chosen === "no_capacity") return chosen;
      this.#isUnused = true;
      if (chosen !== "moved") return chosen;
      this.#exclude();
    }
  }

  /** The request is being sent: from here on its capacity is in use. */
  use(): void {
    this.#isUnused = false;
  }

  /** Gives the present backend up, which failed this request. */
  fail(): void {
    this.#hasFailed = true;
    this.#exclude();
  }

  /** Gives back what is held. */
  settle(): void {
    if (this.pick.settled) return;
    this.#exchange.plane.picker.settle(this.pick, Date.now(), this.#isUnused ? "unused" : "used");
  }

  #exclude(): void {
    this.settle();
    this.#tried.push(this.pick.row);
    this.#exchange.query.excluded = this.#tried;
  }
}
