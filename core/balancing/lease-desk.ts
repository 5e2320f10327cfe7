import { f64, i32 } from "../table/buffer-layout.ts";
import { lock, unlock } from "../table/spin-lock.ts";
import type { Tables } from "../table/tables.ts";
import type { LeaseView } from "./lease-view.ts";

/** Leases by their ids: what `GET /leases`, `PUT` and `DELETE /leases/{id}` do. */
export class LeaseDesk {
  readonly #tables: Tables;
  #leaseTtlMs: number;

  constructor(tables: Tables, leaseTtlMs: number) {
    this.#tables = tables;
    this.#leaseTtlMs = leaseTtlMs;
  }

  /** Changes how long leases last that are renewed from now on. */
  setTtl(leaseTtlMs: number): void {
    this.#leaseTtlMs = leaseTtlMs;
  }

  /** Tells of a lease; null when it is unknown or has ended. */
  lease(leaseId: string, nowMs: number): LeaseView | null {
    const slot = this.#tables.leases.findLease(leaseId);
    return slot < 0 ? null : this.#withLease(slot, leaseId, nowMs, (view) => view);
  }

  /** Lets a lease that ends by time last its full time from now; null when it is unknown or has ended. */
  renew(leaseId: string, nowMs: number): LeaseView | null {
    const { leases } = this.#tables;
    const slot = leases.findLease(leaseId);
    if (slot < 0) return null;
    return this.#withLease(slot, leaseId, nowMs, (view) => {
      if (view.expiresAtMs === null) return view;
      leases.columns.expiryMs[slot] = nowMs + this.#leaseTtlMs;
      return { ...view, expiresAtMs: nowMs + this.#leaseTtlMs };
    });
  }

  /** Ends a lease at once, whoever holds it; false when it is unknown or has ended. */
  release(leaseId: string, nowMs: number): boolean {
    const { leases } = this.#tables;
    const slot = leases.findLease(leaseId);
    if (slot < 0) return false;
    const ended = this.#withLease(slot, leaseId, nowMs, (view) => {
      leases.endLocked(slot);
      return view;
    });
    this.#tables.queue.freed();
    return ended !== null;
  }

  /** Lists the live leases, oldest first. */
  leases(nowMs: number): LeaseView[] {
    const { leases } = this.#tables;
    const views: LeaseView[] = [];
    for (let slot = 0; slot < leases.limit; slot++) {
      if ((i32(leases.columns.generation, slot) & 1) === 0) continue;
      const view = this.#withLease(slot, leases.leaseId(slot), nowMs, (live) => live);
      if (view !== null) views.push(view);
    }
    // The sort is stable: leases of one millisecond stay in the order of their slots.
    return views.toSorted((a, b) => a.sinceMs - b.sinceMs);
  }

  /** Runs `use` with the lease's row locked, if the lease is still the one of that id and has not expired. */
  #withLease(
    slot: number,
    leaseId: string,
    nowMs: number,
    use: (view: LeaseView) => LeaseView,
  ): LeaseView | null {
    const { leases, backends } = this.#tables;
    const row = i32(leases.columns.row, slot);
    lock(backends.columns.lock, row, backends.owner);
    try {
      const isSame = i32(leases.columns.row, slot) === row && leases.leaseId(slot) === leaseId;
      const isLive = (i32(leases.columns.generation, slot) & 1) === 1;
      if (!isSame || !isLive || leases.hasExpired(slot, nowMs)) return null;
      return use(this.#view(slot, leaseId, nowMs));
    } finally {
      unlock(backends.columns.lock, row);
    }
  }

  #view(slot: number, leaseId: string, nowMs: number): LeaseView {
    const { columns } = this.#tables.leases;
    const expiryMs = f64(columns.expiryMs, slot);
    return {
      leaseId,
      row: i32(columns.row, slot),
      tier: i32(columns.tier, slot),
      kind: i32(columns.isRoute, slot) === 1 ? "route" : "request",
      sinceMs: f64(columns.sinceMs, slot),
      expiresAtMs: expiryMs > nowMs ? expiryMs : null,
    };
  }
}
