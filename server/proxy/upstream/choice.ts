import { Pick, type PickStatus } from "../../../core/balancing/pick.ts";
import type { BreakerChange, BreakerEvent } from "../../../core/resilience/circuit-breaker.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { UpstreamPool } from "../exchange/sides.ts";
import { chooseBackend, type Refused } from "./choosing.ts";

const NONE_TRIED: readonly number[] = [];
/** From here on a backend has failed, whatever it says. */
const FIRST_FAILURE_STATUS = 500;

/** The backends that one request is sent to, one after the other, and what is held on the present one. */
export class Choice {
  readonly #exchange: Exchange;
  #pick = new Pick();
  #other = new Pick();
  #tried: number[] = [];
  /** Rows that are left out for the moment only. */
  #skipped: number[] = [];
  /** The present backend has been sent nothing yet. */
  #isUnused = false;
  #hasFailed = false;
  /** What the request met at the present backend; null for nothing that says anything about it. */
  #event: BreakerEvent | null = null;
  /** When the whole request was sent to the present backend; 0 = it was not. */
  #sentAtMs = 0;
  /** Row and generation of a backend that the request has been taken away from; -1 while there is none. */
  #leftRow = -1;
  #leftGeneration = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get pick(): Pick {
    return this.#pick;
  }

  /** Some backend was tried in vain. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Some backend is left out for the moment. */
  get hasSkipped(): boolean {
    return this.#skipped.length > 0;
  }

  begin(): void {
    if (this.#tried.length > 0) this.#tried = [];
    if (this.#skipped.length > 0) this.#skipped = [];
    this.#exchange.query.excluded = NONE_TRIED;
    this.#isUnused = false;
    this.#hasFailed = false;
    this.#event = null;
    this.#sentAtMs = 0;
    this.#leftRow = -1;
  }

  /** Chooses a backend for a caller that goes there by itself: what is leased outlives the exchange. */
  route(): PickStatus {
    const { query, plane } = this.#exchange;
    this.begin();
    plane.count("picks");
    return plane.picker.pick(query, this.#pick);
  }

  /** Chooses a backend that was not tried yet and gives the pool of its endpoint. */
  next(): UpstreamPool | Refused {
    for (;;) {
      const chosen = chooseBackend(this.#exchange, this.#pick);
      if (chosen === "no_backend" || chosen === "no_capacity") return chosen;
      this.#isUnused = true;
      this.#event = null;
      if (chosen !== "moved") {
        this.#retried();
        return chosen;
      }
      this.#exclude();
    }
  }

  /** Chooses another backend while the present one, which has answered, is still held; null when there is none. */
  instead(): UpstreamPool | null {
    const { query } = this.#exchange;
    query.excluded = [...this.#tried, this.#pick.row];
    const chosen = chooseBackend(this.#exchange, this.#other);
    this.#setExcluded();
    if (typeof chosen === "string") {
      if (chosen === "moved") this.#settle(this.#other, "unused", null);
      return null;
    }
    this.#giveUp("failure");
    this.#retried();
    [this.#pick, this.#other] = [this.#other, this.#pick];
    this.#isUnused = true;
    this.#event = null;
    return chosen;
  }

  /** Leaves the present backend out: it has room, but no connection to it can be had now. */
  skip(): void {
    const { plane } = this.#exchange;
    plane.picker.undo(this.#pick, plane.now());
    this.#skipped.push(this.#pick.row);
    this.#setExcluded();
  }

  /** Takes those that were skipped into account again; says whether there were any. */
  unskip(): boolean {
    if (this.#skipped.length === 0) return false;
    this.#skipped = [];
    this.#setExcluded();
    return true;
  }

  /** The request is being sent: from here on its capacity is in use. */
  use(): void {
    if (this.#isUnused && this.#tried.length === 0) this.#exchange.plane.retryDesk.sent(this.#pick.row);
    this.#isUnused = false;
    const { body, plane } = this.#exchange;
    // A body that is still to come would make the client's time the backend's; and what goes to the control plane has no
    // pick, but that of an earlier request may still be here.
    this.#sentAtMs = body.complete && !this.#pick.settled ? plane.now() : 0;
    if (!body.complete) plane.picker.waitsForClient(this.#pick);
  }

  /** The backend has begun to answer. */
  heard(status: number): void {
    this.#exchange.trace?.heard(this.#pick, status);
    this.#event = status >= FIRST_FAILURE_STATUS ? "failure" : "success";
    this.#tellLatency(this.#event === "failure");
    // A long answer must not delay what others are to know; that all is well, as usual, can wait for its end.
    if (this.#event === "failure" || this.#pick.isTrial) this.#observe(this.#event);
  }

  /** The request failed at the present backend, which stays held. */
  failed(event: BreakerEvent): void {
    this.#exchange.trace?.attemptFailed(this.#pick, event);
    this.#countError();
    this.blame(event);
  }

  /** Tells the breaker what the request met at the present backend. */
  blame(event: BreakerEvent): void {
    this.#event = event;
    this.#tellLatency(true);
    this.#observe(event);
  }

  /** The answer that has begun comes to no end. */
  broke(): void {
    this.#countError();
    // Of one with a bad status it is known already that it failed.
    if (this.#pick.settled || this.#event === "failure") return;
    this.#exchange.plane.tables.traffic.broke(this.#pick.row, this.#pick.generation);
  }

  /** The request goes over that connection. */
  connected(isReused: boolean): void {
    const { row, generation, settled } = this.#pick;
    if (!settled) this.#exchange.plane.tables.traffic.connected(row, generation, isReused);
  }

  /** Gives the present backend up, which failed this request. */
  fail(event: BreakerEvent): void {
    this.#exchange.trace?.attemptFailed(this.#pick, event);
    this.#countError();
    this.#giveUp(event);
  }

  /** Gives back what is held. */
  settle(): void {
    if (!this.#pick.settled) this.#settle(this.#pick, this.#isUnused ? "unused" : "used", this.#event);
  }

  #giveUp(event: BreakerEvent): void {
    this.#hasFailed = true;
    this.#event = event;
    this.#tellLatency(true);
    this.#leftRow = this.#pick.row;
    this.#leftGeneration = this.#pick.generation;
    this.#exclude();
  }

  /** Another backend has been found after a failure. */
  #retried(): void {
    if (this.#leftRow < 0) return;
    this.#exchange.plane.tables.traffic.retried(this.#leftRow, this.#leftGeneration);
    this.#leftRow = -1;
  }

  #countError(): void {
    if (!this.#pick.settled)
      this.#exchange.plane.tables.traffic.failed(this.#pick.row, this.#pick.generation);
  }

  #exclude(): void {
    this.settle();
    this.#tried.push(this.#pick.row);
    this.#setExcluded();
  }

  #setExcluded(): void {
    this.#exchange.query.excluded =
      this.#skipped.length === 0 ? this.#tried : [...this.#tried, ...this.#skipped];
  }

  #settle(pick: Pick, use: "used" | "unused", event: BreakerEvent | null): void {
    this.#exchange.trace?.attemptEnds(pick);
    const change = this.#exchange.plane.picker.settle(pick, this.#exchange.plane.now(), use, event);
    if (change !== "none") this.#tell(pick, change);
  }

  /** Once for each time that the request was sent. */
  #tellLatency(failed: boolean): void {
    if (this.#sentAtMs === 0) return;
    const { plane } = this.#exchange;
    const nowMs = plane.now();
    plane.picker.latency(this.#pick, nowMs - this.#sentAtMs, nowMs, failed);
    this.#sentAtMs = 0;
  }

  #observe(event: BreakerEvent): void {
    const change = this.#exchange.plane.picker.observe(this.#pick, event, this.#exchange.plane.now());
    if (change !== "none") this.#tell(this.#pick, change);
  }

  /** Says that a circuit breaker has opened or closed. */
  #tell(pick: Pick, change: Exclude<BreakerChange, "none">): void {
    const { plane, facts } = this.#exchange;
    const { row, generation, endpoint } = pick;
    const backend = plane.directory.place(row, generation)?.backend;
    plane.tables.traffic.breakerTurned(row, generation, change);
    const data = { client_id: backend?.clientId, endpoint: backend?.endpoints[endpoint]?.url };
    if (change === "closed") {
      plane.count("breakers_closed");
      plane.log.warn("an endpoint answers again and is back in service", data);
      return;
    }
    plane.count("breakers_opened");
    const reason = facts.reason === "" ? undefined : facts.reason;
    plane.log.warn("requests to an endpoint fail: it gets none for a while", { ...data, reason });
    plane.post({ type: "ejected", row, generation, endpoint });
  }
}
