/**
 * Leases, sessions and in-flight counts in plain objects: what the shared tables must amount to after any sequence of
 * operations. Backends have cores and a score, nothing else; the rules are those of the manual.
 */

export const LEASE_TTL_MS = 100_000;
export const SESSION_TTL_MS = 1_000_000;

export interface ModelTier {
  readonly cores: number;
  readonly reservation: "request" | "timeout";
}

export interface ModelRow {
  generation: number;
  epoch: number;
  cores: number;
  score: number;
  healthy: boolean;
  draining: boolean;
  inFlight: number;
}

export interface ModelLease {
  readonly row: number;
  readonly tier: number;
  readonly since: number;
  kind: "route" | "request";
  holders: number;
  /** Picks that leave the lease to its expiry. */
  takers: number;
  expiry: number;
  hasEnded: boolean;
}

export interface ModelPick {
  readonly row: number;
  readonly generation: number;
  readonly lease: ModelLease;
  readonly holds: boolean;
  readonly outcome: "none" | "kept" | "assigned";
}

export interface ModelQuery {
  readonly tier: number;
  readonly kind: "route" | "request";
  /** 0 = no session. */
  readonly session: number;
}

interface ModelSession {
  readonly session: number;
  readonly tier: number;
  readonly row: number;
  readonly generation: number;
  readonly epoch: number;
  lastUse: number;
  lease: ModelLease;
}

export class LeaseModel {
  now: number;
  readonly rows: ModelRow[] = [];
  readonly #tiers: readonly ModelTier[];
  #leases: ModelLease[] = [];
  #sessions: ModelSession[] = [];

  constructor(tiers: readonly ModelTier[], now: number) {
    this.#tiers = tiers;
    this.now = now;
  }

  isLive(lease: ModelLease): boolean {
    return !lease.hasEnded && (lease.holders > 0 || lease.expiry > this.now);
  }

  live(): ModelLease[] {
    return this.#leases.filter((lease) => this.isLive(lease));
  }

  leasedCores(row: number): number {
    return this.live()
      .filter((lease) => lease.row === row)
      .reduce((sum, { tier }) => sum + this.tier(tier).cores, 0);
  }

  tier(index: number): ModelTier {
    const tier = this.#tiers[index];
    if (tier === undefined) throw new RangeError(`no tier ${index}`);
    return tier;
  }

  row(index: number): ModelRow {
    const row = this.rows[index];
    if (row === undefined) throw new RangeError(`no row ${index}`);
    return row;
  }

  pick(query: ModelQuery): ModelPick | null {
    const kept = query.session > 0 ? this.#keep(query) : null;
    if (kept !== null) return kept;
    const affine = query.session > 0 ? this.#affineRow(query) : null;
    const row = affine ?? this.#bestRow(query.tier);
    if (row === null) return null;
    const lease = this.#open(row, query);
    if (query.session > 0) {
      this.#sessions = this.#sessions.filter(
        ({ session, tier }) => session !== query.session || tier !== query.tier,
      );
      const { generation, epoch } = this.row(row);
      const { session, tier } = query;
      this.#sessions.push({ session, tier, row, generation, epoch, lastUse: this.now, lease });
    }
    return this.#taken(row, lease, query, query.session > 0 ? "assigned" : "none");
  }

  settle(pick: ModelPick): void {
    if (this.row(pick.row).generation !== pick.generation) return;
    this.row(pick.row).inFlight--;
    if (!pick.holds || pick.lease.hasEnded) return;
    pick.lease.holders--;
    if (pick.lease.holders === 0 && pick.lease.expiry <= this.now) pick.lease.hasEnded = true;
  }

  /** The pick came to nothing: as if it had not been, but for a longer life of a lease that others share. */
  undo(pick: ModelPick): void {
    if (pick.holds) {
      this.settle(pick);
      return;
    }
    if (this.row(pick.row).generation !== pick.generation) return;
    this.row(pick.row).inFlight--;
    pick.lease.takers--;
    if (pick.lease.takers === 0) pick.lease.expiry = 0;
  }

  renew(lease: ModelLease): boolean {
    if (!this.isLive(lease)) return false;
    if (lease.expiry > this.now) lease.expiry = this.now + LEASE_TTL_MS;
    return true;
  }

  release(lease: ModelLease): boolean {
    if (!this.isLive(lease)) return false;
    lease.hasEnded = true;
    return true;
  }

  /** The row's owner goes and another comes. */
  replace(index: number, row: ModelRow): void {
    for (const lease of this.#leases) {
      if (lease.row === index) lease.hasEnded = true;
    }
    this.rows[index] = row;
  }

  #keep(query: ModelQuery): ModelPick | null {
    const found = this.#sessions.find(
      ({ session, tier }) => session === query.session && tier === query.tier,
    );
    if (found === undefined || !this.#isCurrent(found) || !this.row(found.row).healthy) return null;
    found.lastUse = this.now;
    if (this.isLive(found.lease)) {
      const { lease } = found;
      if (query.kind === "route") lease.kind = "route";
      if (this.#holds(query)) lease.holders++;
      else lease.takers++;
      lease.expiry = Math.max(lease.expiry, this.#expiry(query));
    } else {
      found.lease = this.#open(found.row, query);
    }
    return this.#taken(found.row, found.lease, query, "kept");
  }

  #affineRow(query: ModelQuery): number | null {
    const others = this.#sessions
      .filter(({ session, tier }) => session === query.session && tier !== query.tier)
      .filter((other) => this.#isCurrent(other) && this.#isEligible(other.row, query.tier))
      .toSorted((a, b) => b.lastUse - a.lastUse || a.row - b.row);
    return others[0]?.row ?? null;
  }

  #bestRow(tier: number): number | null {
    const eligible = this.rows
      .map((row, index) => ({ row, index }))
      .filter(({ index }) => this.#isEligible(index, tier))
      .toSorted((a, b) => a.row.score - b.row.score || a.row.inFlight - b.row.inFlight || a.index - b.index);
    return eligible[0]?.index ?? null;
  }

  #isEligible(index: number, tier: number): boolean {
    const row = this.row(index);
    return row.healthy && !row.draining && row.cores - this.leasedCores(index) >= this.tier(tier).cores;
  }

  #isCurrent(found: ModelSession): boolean {
    const row = this.row(found.row);
    const isFresh = this.now - found.lastUse <= SESSION_TTL_MS;
    return isFresh && row.generation === found.generation && row.epoch === found.epoch;
  }

  #holds(query: ModelQuery): boolean {
    return query.kind === "request" && this.tier(query.tier).reservation === "request";
  }

  #expiry(query: ModelQuery): number {
    return this.#holds(query) ? 0 : this.now + LEASE_TTL_MS;
  }

  #open(row: number, query: ModelQuery): ModelLease {
    const lease: ModelLease = {
      row,
      tier: query.tier,
      since: this.now,
      kind: query.kind,
      holders: this.#holds(query) ? 1 : 0,
      takers: this.#holds(query) ? 0 : 1,
      expiry: this.#expiry(query),
      hasEnded: false,
    };
    this.#leases.push(lease);
    return lease;
  }

  #taken(row: number, lease: ModelLease, query: ModelQuery, outcome: ModelPick["outcome"]): ModelPick {
    this.row(row).inFlight++;
    return { row, generation: this.row(row).generation, lease, holds: this.#holds(query), outcome };
  }
}
