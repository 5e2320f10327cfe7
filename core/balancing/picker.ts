import type { BreakerChange, BreakerEvent } from "../resilience/circuit-breaker.ts";
import { i32 } from "../table/buffer-layout.ts";
import type { Tables } from "../table/tables.ts";
import { Chance } from "./chance.ts";
import { type ClaimOutcome, Claims } from "./claims.ts";
import { Eligibility } from "./eligibility.ts";
import {
  EXCLUDED_FILTER,
  FILTER_NAMES,
  type FilterCounts,
  type FilterName,
  type Verdict,
} from "./filters.ts";
import { feedLatency, slowestKnown } from "./latency.ts";
import { LeaseDesk } from "./lease-desk.ts";
import type { LeaseView } from "./lease-view.ts";
import type { PickerOptions } from "./options.ts";
import type { Pick, PickQuery, PickStatus } from "./pick.ts";
import { Sessions } from "./sessions.ts";
import type { StrategyName } from "./strategies/names.ts";
import { makeStrategies, type Strategies } from "./strategies/registry.ts";
import type { Strategy } from "./strategies/strategy.ts";
import { verdictOf } from "./verdict.ts";

/** A claim is lost only when another thread made progress; losing this often in a row means something else. */
const MAX_LOST_CLAIMS = 10_000;

/** What a query would meet: every claimed row with its verdict, and the row that would be picked. */
export interface Explanation {
  readonly strategy: StrategyName;
  /** -1 = none. Where chance decides, what this thread's chance would decide next. */
  readonly chosen: number;
  readonly rows: readonly ExplainedRow[];
}

export interface ExplainedRow extends Verdict {
  readonly row: number;
  /** The figure by which the strategy compares rows, lower wins; null unless the row is eligible and it goes by one. */
  readonly score: number | null;
  /** What load since the last reports adds to the score of `resource`. */
  readonly loadTerm: number;
  /** Kilometres that count in the score: 0 for a client of unknown place, the median for a row of unknown place. */
  readonly scoredKm: number;
  /** Kilometres to the client; NaN when either place is unknown. */
  readonly distanceKm: number;
}

/** Chooses a backend for each request and holds capacity on it. One per thread, over the shared tables. */
export class Picker {
  readonly #tables: Tables;
  readonly #chance: Chance;
  #options: PickerOptions;
  #strategies: Strategies;
  /** By tier. */
  #strategyOfTier: readonly Strategy[];
  readonly #eligibility: Eligibility;
  readonly #claims: Claims;
  readonly #sessions: Sessions;
  readonly #desk: LeaseDesk;

  /** `seed`: of the chance by which some strategies go; what threads draw should differ. */
  constructor(tables: Tables, options: PickerOptions, seed: number = tables.worker) {
    this.#tables = tables;
    this.#options = options;
    this.#chance = new Chance(seed);
    this.#strategies = makeStrategies(options, this.#chance);
    this.#strategyOfTier = strategiesOf(this.#strategies, options);
    this.#eligibility = new Eligibility(tables, options);
    this.#claims = new Claims(tables, options, this.#eligibility);
    const parts = { eligibility: this.#eligibility, claims: this.#claims };
    this.#sessions = new Sessions(tables, options, parts, (query, out) => this.#choose(query, out));
    this.#desk = new LeaseDesk(tables, options.leaseTtlMs);
  }

  /**
   * Changes the options of all later picks; leases, sessions and what strategies remember stay. Throws a RangeError when
   * there are more tiers than the tables were made for.
   */
  setOptions(options: PickerOptions): void {
    const { tierCount } = this.#tables.backends;
    if (options.tiers.length > tierCount) {
      throw new RangeError(`cannot use ${options.tiers.length} tiers: the tables were made for ${tierCount}`);
    }
    this.#options = options;
    this.#strategies = makeStrategies(options, this.#chance);
    this.#strategyOfTier = strategiesOf(this.#strategies, options);
    this.#eligibility.setOptions(options);
    this.#claims.setOptions(options);
    this.#sessions.setOptions(options);
    this.#desk.setTtl(options.leaseTtlMs);
  }

  /**
   * Chooses and claims in one step as seen by any thread. After "picked", `out` says what is held and must be settled once;
   * otherwise `out` is unchanged.
   */
  pick(query: PickQuery, out: Pick): PickStatus {
    this.#eligibility.prepare(query);
    this.#eligibility.migration.draw(query);
    this.#claims.prepare(query);
    let outcome = this.#attempt(query, out);
    if (outcome === "full") {
      // Leases that have expired take slots until somebody looks at their row.
      this.#claims.reapAll();
      outcome = this.#attempt(query, out);
    }
    if (outcome === "busy") return "no_capacity";
    if (outcome !== "claimed") return this.#refusal();
    if (this.#eligibility.migration.hasFallenBack) {
      this.#tables.counters.inc(this.#tables.worker, "migration_fallbacks");
    }
    return "picked";
  }

  /**
   * Ends a pick like {@link settle}, of which nothing was used and nobody needs to hear: what it held is free as it was a
   * moment ago, when others looked.
   */
  undo(pick: Pick, nowMs: number): void {
    this.#claims.settle(pick, nowMs, false, null, false);
  }

  /**
   * Ends a pick: in-flight count -1, the request's lease given back unless the tier's goes by time. Idempotent. "unused":
   * the backend was never asked, so that nothing is left of the pick, whatever the tier. `event`: what the request met,
   * for the circuit breaker; null when it met nothing that counts.
   */
  settle(
    pick: Pick,
    nowMs: number,
    use: "used" | "unused" = "used",
    event: BreakerEvent | null = null,
  ): BreakerChange {
    return this.#claims.settle(pick, nowMs, use === "used", event);
  }

  /** Tells what a pick's request met as soon as it is known; {@link settle} does the same at the end. */
  observe(pick: Pick, event: BreakerEvent, nowMs: number): BreakerChange {
    return this.#claims.observe(pick, event, nowMs);
  }

  /** Tells how long a pick's request has waited for the head of its response, or in vain; for the next picks of all threads. */
  latency(pick: Pick, ms: number, nowMs: number, failed = false): void {
    const { columns, limit } = this.#tables.backends;
    pick.isAwaited = false;
    if (i32(columns.generation, pick.row) !== pick.generation) return;
    const slowestMs = failed ? slowestKnown(columns.balance, limit) : 0;
    const met = { ms, nowMs, failed, others: pick.others, slowestMs };
    feedLatency(columns.balance, pick.row, met, this.#options.latencyDecayMs);
  }

  /** What a pick's request waits for now is its client: that the backend is silent says nothing of it. */
  waitsForClient(pick: Pick): void {
    if (!pick.settled && i32(this.#tables.backends.columns.generation, pick.row) === pick.generation) {
      this.#claims.forgetAwaited(pick);
    }
  }

  /** Counts how many rows each filter removes; for the message of a refusal. */
  refusals(query: PickQuery): FilterCounts {
    this.#eligibility.prepare(query);
    this.#eligibility.migration.admitBoth();
    // Before the filters: they end the expired leases of the rows that they look at.
    const leaseTableFull = this.#tables.leases.isFull;
    const counts: Record<FilterName, number> = {
      disabled: 0,
      draining: 0,
      weight: 0,
      stale: 0,
      unhealthy: 0,
      ejected: 0,
      path: 0,
      migration: 0,
      excluded: 0,
      limit: 0,
      cpu: 0,
      memory: 0,
      disk: 0,
      gpu: 0,
      backup: 0,
    };
    let total = 0;
    for (let row = 0; row < this.#eligibility.limit; row++) {
      if (!this.#eligibility.isClaimed(row)) continue;
      total++;
      const filter = FILTER_NAMES[this.#eligibility.failing(row)];
      if (filter !== undefined) counts[filter]++;
    }
    return { ...counts, total, leaseTableFull };
  }

  /** Says which filter removes one row, with the figures. */
  verdict(row: number, query: PickQuery): Verdict {
    this.#eligibility.prepare(query);
    this.#eligibility.migration.admitSome();
    return verdictOf(this.#eligibility, row, query.nowMs);
  }

  /** Says by which strategy a query goes, and the figure that a row has in it now, lower wins; for people, after a pick. */
  figureOf(
    query: PickQuery,
    row: number,
    scoredKm: number,
  ): { readonly strategy: StrategyName; readonly figure: number | null } {
    this.#eligibility.prepare(query);
    const strategy = this.#strategyOf(query);
    return { strategy: strategy.name, figure: strategy.figure(this.#eligibility, query, row, scoredKm) };
  }

  /** Says what a pick would meet, and takes nothing. */
  explain(query: PickQuery): Explanation {
    this.#eligibility.prepare(query);
    const eligibility = this.#eligibility;
    const strategy = this.#strategyOf(query);
    const { resource } = this.#strategies;
    const medianKm = query.located ? resource.medianKm(eligibility, query) : 0;
    const rows: ExplainedRow[] = [];
    for (let row = 0; row < eligibility.limit; row++) {
      if (!eligibility.isClaimed(row)) continue;
      const verdict = verdictOf(eligibility, row, query.nowMs);
      const distanceKm = query.located ? this.#claims.distanceKm(row, query) : NaN;
      const unknownKm = query.located ? medianKm : 0;
      const scoredKm = Number.isNaN(distanceKm) ? unknownKm : distanceKm;
      const score = verdict.filter === null ? strategy.figure(eligibility, query, row, scoredKm) : null;
      const loadTerm = resource.loadTerm(eligibility, row);
      rows.push({ ...verdict, row, score, loadTerm, scoredKm, distanceKm });
    }
    const foreseen = query.sticky ? this.#sessions.foreseenRow(query) : -1;
    const chosen = foreseen >= 0 ? foreseen : this.#foresee(strategy, query);
    return { strategy: strategy.name, chosen, rows };
  }

  /** A probe has connected to endpoints of a row, given as bits: their breakers need not wait any longer. */
  reached(row: number, endpoints: number, nowMs: number): void {
    const { backends } = this.#tables;
    if (i32(backends.columns.openBreakers, row) === 0) return;
    backends.withLock(row, () => this.#eligibility.breakers.reachedLocked(row, endpoints, nowMs));
  }

  /** Gives the id of the lease that a pick holds, for the answer of `/route`. */
  leaseId(pick: Pick): string {
    return this.#tables.leases.leaseId(pick.lease);
  }

  /** Lets a lease last its full time from now; null when it is unknown or has ended. */
  renew(leaseId: string, nowMs: number): LeaseView | null {
    return this.#desk.renew(leaseId, nowMs);
  }

  /** Ends a lease; false when it is unknown or has ended. */
  release(leaseId: string, nowMs: number): boolean {
    return this.#desk.release(leaseId, nowMs);
  }

  /** Tells of one lease; null when it is unknown or has ended. */
  lease(leaseId: string, nowMs: number): LeaseView | null {
    return this.#desk.lease(leaseId, nowMs);
  }

  /** Lists the live leases, oldest first. */
  leases(nowMs: number): LeaseView[] {
    return this.#desk.leases(nowMs);
  }

  #attempt(query: PickQuery, out: Pick): ClaimOutcome {
    if (query.preferredRow >= 0 && this.#claims.keepPreferred(query, out)) return "claimed";
    return query.sticky ? this.#sessions.pick(query, out) : this.#choose(query, out);
  }

  #strategyOf(query: PickQuery): Strategy {
    if (query.strategy !== null) return this.#strategies[query.strategy];
    return this.#strategyOfTier[query.tier] ?? this.#strategies.resource;
  }

  #foresee(strategy: Strategy, query: PickQuery): number {
    for (;;) {
      const row = strategy.pick(this.#eligibility, query, false);
      if (row >= 0) return row;
      if (this.#eligibility.heldBack) this.#eligibility.ignoreRamp();
      else if (!this.#widen()) return -1;
    }
  }

  #choose(query: PickQuery, out: Pick): ClaimOutcome {
    const strategy = this.#strategyOf(query);
    for (let lost = 0; lost < MAX_LOST_CLAIMS; lost++) {
      const row = strategy.pick(this.#eligibility, query, true);
      if (row < 0) {
        if (this.#eligibility.heldBack) this.#eligibility.ignoreRamp();
        else if (!this.#widen()) return "lost";
        continue;
      }
      const outcome = this.#claims.claim(row, query, out);
      if (outcome !== "lost") return outcome;
      this.#eligibility.lookAgain();
    }
    return "lost";
  }

  /** Lets the query have backends that a migration leaves out, if there are such: it found no others. */
  #widen(): boolean {
    if (!this.#eligibility.migration.widen(() => this.#isNobodyInService())) return false;
    this.#eligibility.lookAgain();
    return true;
  }

  /** A backend that is full is waited for, one that was tried is no reason: closed groups are for when nothing is left. */
  #isNobodyInService(): boolean {
    for (let row = 0; row < this.#eligibility.limit; row++) {
      const filter = this.#eligibility.failingState(row);
      if (filter < 0 || filter === EXCLUDED_FILTER) return false;
    }
    return true;
  }

  #refusal(): PickStatus {
    for (let row = 0; row < this.#eligibility.limit; row++) {
      if (this.#eligibility.failingState(row) < 0) return "no_capacity";
    }
    return "no_backend";
  }
}

function strategiesOf(strategies: Strategies, { tiers, strategy }: PickerOptions): Strategy[] {
  return tiers.map((tier) => strategies[tier.strategy ?? strategy]);
}
