import type { BreakerChange, BreakerEvent } from "../resilience/circuit-breaker.ts";
import { arcKm } from "../scoring/place.ts";
import { LOCATED } from "../table/backend/backend-columns.ts";
import { MAX_GPUS } from "../table/backend/row-figures.ts";
import { f64, i32 } from "../table/buffer-layout.ts";
import type { LeaseTerms } from "../table/lease-table.ts";
import { CONTROL_PLANE, lock, unlock } from "../table/spin-lock.ts";
import type { Tables } from "../table/tables.ts";
import type { Eligibility } from "./eligibility.ts";
import { awaitAnswer } from "./latency.ts";
import type { PickerOptions } from "./options.ts";
import type { Pick, PickQuery } from "./pick.ts";

/**
 * `lost`: the row does not pass any more; `full`: the lease table has no slot; `busy`: the session's backend has as many
 * requests in flight as it may have.
 */
export type ClaimOutcome = "claimed" | "lost" | "full" | "busy";

/** Takes capacity of a row and gives it back: the only writer of in-flight counts and of new leases. */
export class Claims {
  readonly #tables: Tables;
  #options: PickerOptions;
  readonly #eligibility: Eligibility;
  /** Where this thread's share of the in-flight counts begins. */
  readonly #share: number;
  readonly #terms: LeaseTerms = {
    tier: 0,
    isRoute: false,
    held: false,
    sinceMs: 0,
    expiryMs: 0,
    cores: 0,
    memoryBytes: 0,
    diskBytes: 0,
    gpus: 0,
  };

  constructor(tables: Tables, options: PickerOptions, eligibility: Eligibility) {
    this.#tables = tables;
    this.#options = options;
    this.#eligibility = eligibility;
    this.#share = (tables.worker - CONTROL_PLANE) * tables.backends.capacity;
  }

  /** Changes the options of later picks. */
  setOptions(options: PickerOptions): void {
    this.#options = options;
  }

  /** Turns to a query, after the eligibility did. */
  prepare(query: PickQuery): void {
    const { tier } = this.#eligibility;
    const terms = this.#terms;
    terms.tier = query.tier;
    terms.isRoute = query.kind === "route";
    terms.held = !terms.isRoute && tier.reservation === "request";
    terms.sinceMs = query.nowMs;
    terms.expiryMs = terms.held ? 0 : query.nowMs + this.#options.leaseTtlMs;
    terms.cores = tier.vcpu;
    terms.memoryBytes = tier.memoryBytes;
    terms.diskBytes = tier.storageBytes;
  }

  /** Takes the query's tier on a row if, under its lock, the row still passes every filter. */
  claim(row: number, query: PickQuery, out: Pick): ClaimOutcome {
    const { columns } = this.#eligibility;
    lock(columns.lock, row, this.#tables.backends.owner);
    const outcome = this.#eligibility.failingLocked(row) >= 0 ? "lost" : this.#openLocked(row, query, out);
    unlock(columns.lock, row);
    return outcome;
  }

  /**
   * Takes a session's own row without asking for room: shares the lease that the session has there, or opens one.
   * `lost` when the row is not what the assignment was made for any more.
   */
  keep(way: number, query: PickQuery, out: Pick): ClaimOutcome {
    const { columns: sticky } = this.#tables.sticky;
    const { columns } = this.#eligibility;
    const row = i32(sticky.row, way);
    lock(columns.lock, row, this.#tables.backends.owner);
    let outcome: ClaimOutcome = "lost";
    if (this.isCurrent(way) && this.#eligibility.mayKeep(row)) {
      if (this.#eligibility.isAtLimit(row)) outcome = "busy";
      else outcome = this.#shareLocked(way, row, query, out) ? "claimed" : this.#openLocked(row, query, out);
    }
    unlock(columns.lock, row);
    return outcome;
  }

  /**
   * Takes the row that the request brings along, without asking for room, as a session does; false when that may not be
   * kept, does not serve the path, or has as many requests in flight as it may have.
   */
  keepPreferred(query: PickQuery, out: Pick): boolean {
    const { columns } = this.#eligibility;
    const { preferredRow: row } = query;
    lock(columns.lock, row, this.#tables.backends.owner);
    const mayKeep =
      i32(columns.generation, row) === query.preferredGeneration &&
      this.#eligibility.mayKeep(row) &&
      this.#eligibility.servesPath(row) &&
      !this.#eligibility.isAtLimit(row);
    const isKept = mayKeep && this.#openLocked(row, query, out) === "claimed";
    unlock(columns.lock, row);
    if (!isKept) return false;
    out.stickyOutcome = "kept";
    out.isStickyUseDue = false;
    return true;
  }

  /** Whether a sticky entry's row still has the owner, and the health, that the entry was made for. */
  isCurrent(way: number): boolean {
    const { columns: sticky } = this.#tables.sticky;
    const { columns } = this.#eligibility;
    const row = i32(sticky.row, way);
    return (
      i32(sticky.generation, way) === i32(columns.generation, row) &&
      i32(sticky.epoch, way) === i32(columns.epoch, row)
    );
  }

  /** Tells the breaker of a pick's endpoint what the request met, before the pick is settled; the first word counts. */
  observe(pick: Pick, event: BreakerEvent, nowMs: number): BreakerChange {
    if (pick.settled || pick.isObserved) return "none";
    const { columns } = this.#eligibility;
    lock(columns.lock, pick.row, this.#tables.backends.owner);
    const change = this.#observeLocked(pick, event, nowMs);
    unlock(columns.lock, pick.row);
    return change;
  }

  /**
   * Lowers the in-flight count and, unless time decides, gives the lease back. Does nothing the second time. `event` is
   * for the breaker, unless that has been told; null when the request met nothing. Waiting requests look again if the room
   * is news to them.
   */
  settle(
    pick: Pick,
    nowMs: number,
    wasUsed: boolean,
    event: BreakerEvent | null,
    isNews = true,
  ): BreakerChange {
    if (pick.settled) return "none";
    const { leases } = this.#tables;
    const { columns } = this.#eligibility;
    const { row } = pick;
    lock(columns.lock, row, this.#tables.backends.owner);
    const change = pick.isObserved || event === null ? "none" : this.#observeLocked(pick, event, nowMs);
    pick.settled = true;
    // A row that was released since has another generation, no leases of old and a count of its own.
    if (i32(columns.generation, row) === pick.generation) {
      this.forgetAwaited(pick);
      if (pick.isTrial && !pick.isObserved) {
        this.#eligibility.breakers.giveTrialBackLocked(pick.breaker, pick.trial);
      }
      columns.inFlight[row] = i32(columns.inFlight, row) - 1;
      columns.inFlightOf[this.#share + row] = i32(columns.inFlightOf, this.#share + row) - 1;
      if (leases.isLive(pick.lease, pick.leaseGeneration)) {
        if (pick.holdsLease) leases.dropHolderLocked(pick.lease, nowMs);
        else if (!wasUsed) leases.dropTakerLocked(pick.lease);
      }
    }
    unlock(columns.lock, row);
    if (isNews) this.#tables.queue.freed();
    return change;
  }

  /** Nothing will be told of how long the pick's request waited. */
  forgetAwaited(pick: Pick): void {
    if (!pick.isAwaited) return;
    pick.isAwaited = false;
    this.#eligibility.columns.balance.awaitedSinceMs[pick.row] = 0;
  }

  /** Ends the expired leases of every row. */
  reapAll(): void {
    for (let row = 0; row < this.#eligibility.limit; row++) this.#eligibility.reap(row);
  }

  #observeLocked(pick: Pick, event: BreakerEvent, nowMs: number): BreakerChange {
    const { columns, breakers } = this.#eligibility;
    if (i32(columns.generation, pick.row) !== pick.generation) return "none";
    pick.isObserved = true;
    return breakers.observeLocked(pick, event, nowMs);
  }

  #openLocked(row: number, query: PickQuery, out: Pick): ClaimOutcome {
    const { leases } = this.#tables;
    this.#terms.gpus = this.#chooseGpus(row);
    const slot = leases.openLocked(row, this.#terms);
    if (slot < 0) return "full";
    this.#fillLocked(row, slot, query, out);
    return "claimed";
  }

  #shareLocked(way: number, row: number, query: PickQuery, out: Pick): boolean {
    const { leases, sticky } = this.#tables;
    const slot = i32(sticky.columns.lease, way);
    const isLive = leases.isLive(slot, i32(sticky.columns.leaseGeneration, way));
    if (!isLive || leases.hasExpired(slot, query.nowMs)) return false;
    leases.shareLocked(slot, this.#terms);
    this.#fillLocked(row, slot, query, out);
    return true;
  }

  #fillLocked(row: number, slot: number, query: PickQuery, out: Pick): void {
    const { columns } = this.#eligibility;
    out.others = i32(columns.inFlight, row);
    columns.inFlight[row] = out.others + 1;
    columns.inFlightOf[this.#share + row] = i32(columns.inFlightOf, this.#share + row) + 1;
    out.row = row;
    out.generation = i32(columns.generation, row);
    out.endpoint = this.#eligibility.endpointOf(row);
    out.lease = slot;
    out.leaseGeneration = i32(this.#tables.leases.columns.generation, slot);
    out.holdsLease = this.#terms.held;
    out.breaker = this.#eligibility.breakerOf(row);
    out.trial = this.#eligibility.breakers.takeTrialLocked(out.breaker, query.nowMs);
    out.isObserved = false;
    out.isAwaited = query.kind === "request";
    if (out.isAwaited) awaitAnswer(columns.balance, row, query.nowMs, this.#options.latencyDecayMs);
    out.stickyOutcome = "none";
    out.distanceKm = query.located ? this.distanceKm(row, query) : NaN;
    out.settled = false;
  }

  /** Distance from a located client to a row, NaN when the row's place is unknown. */
  distanceKm(row: number, query: PickQuery): number {
    const { columns } = this.#eligibility;
    if ((i32(columns.flags, row) & LOCATED) === 0) return NaN;
    const dx = f64(columns.x, row) - query.x;
    const dy = f64(columns.y, row) - query.y;
    const dz = f64(columns.z, row) - query.z;
    return arcKm(dx * dx + dy * dy + dz * dz);
  }

  /** The GPUs that a lease of the tier names: those that qualify with the least free VRAM, the lowest of equals. */
  #chooseGpus(row: number): number {
    const { tier, columns } = this.#eligibility;
    let free = tier.gpus > 0 ? this.#eligibility.freeGpus(row) : 0;
    let chosen = 0;
    for (let taken = 0; taken < tier.gpus && free !== 0; taken++) {
      let tightest = -1;
      for (let gpu = 0; gpu < MAX_GPUS; gpu++) {
        if ((free & (1 << gpu)) === 0) continue;
        const vram = f64(columns.gpuVramFree, row * MAX_GPUS + gpu);
        if (tightest < 0 || vram < f64(columns.gpuVramFree, row * MAX_GPUS + tightest)) tightest = gpu;
      }
      chosen |= 1 << tightest;
      free &= ~(1 << tightest);
    }
    return chosen;
  }
}
