import { f64, i32 } from "../table/buffer-layout.ts";
import type { Tables } from "../table/tables.ts";
import type { ClaimOutcome, Claims } from "./claims.ts";
import type { Eligibility } from "./eligibility.ts";
import type { PickerOptions } from "./options.ts";
import type { Pick, PickQuery } from "./pick.ts";

/** Of a session in use, the last use is persisted so many times within its time to live. */
const PERSISTED_SLOTS = 24;

/**
 * Sticky sessions: keeps a session on its backend, or assigns one. The lock of the session's set is held from the look-up
 * to the assignment, so that simultaneous first requests of a session get one backend and one lease.
 */
export class Sessions {
  readonly #tables: Tables;
  #options: PickerOptions;
  readonly #eligibility: Eligibility;
  readonly #claims: Claims;
  readonly #choose: (query: PickQuery, out: Pick) => ClaimOutcome;

  /** `choose` picks as if there were no session. */
  constructor(
    tables: Tables,
    options: PickerOptions,
    parts: { readonly eligibility: Eligibility; readonly claims: Claims },
    choose: (query: PickQuery, out: Pick) => ClaimOutcome,
  ) {
    this.#tables = tables;
    this.#options = options;
    this.#eligibility = parts.eligibility;
    this.#claims = parts.claims;
    this.#choose = choose;
  }

  /** Changes the options of later picks. */
  setOptions(options: PickerOptions): void {
    this.#options = options;
  }

  /** Picks for the session that the query names. */
  pick(query: PickQuery, out: Pick): ClaimOutcome {
    const { sticky } = this.#tables;
    const set = sticky.lockSet(query.stickyHi, query.stickyLo);
    try {
      const way = sticky.findLocked(set, query.stickyHi, query.stickyLo, query.tier);
      if (way >= 0 && this.#isUsable(way, query)) {
        // A path that the session's backend does not serve goes elsewhere, and leaves the session where it is.
        if (!this.#eligibility.servesPath(i32(sticky.columns.row, way))) {
          return this.#choose(query, out);
        }
        const kept = this.#claims.keep(way, query, out);
        if (kept === "claimed") this.#noteUse(way, query, out, "kept");
        if (kept !== "lost") return kept;
      }
      const affine = this.#options.affinity ? this.#claimAffine(set, query, out) : "lost";
      const outcome = affine === "lost" ? this.#choose(query, out) : affine;
      if (outcome === "claimed") this.#assign(set, query, out);
      return outcome;
    } finally {
      sticky.unlockSet(set);
    }
  }

  /** The row that the session would keep or, by affinity, get; -1 when the choice is free. Takes nothing. */
  foreseenRow(query: PickQuery): number {
    const { sticky } = this.#tables;
    const set = sticky.lockSet(query.stickyHi, query.stickyLo);
    try {
      const own = sticky.findLocked(set, query.stickyHi, query.stickyLo, query.tier);
      if (own >= 0 && this.#isUsable(own, query)) {
        const row = i32(sticky.columns.row, own);
        return this.#eligibility.servesPath(row) ? row : -1;
      }
      const way = this.#options.affinity ? this.#affineWay(set, query) : -1;
      return way < 0 ? -1 : i32(sticky.columns.row, way);
    } finally {
      sticky.unlockSet(set);
    }
  }

  #isUsable(way: number, query: PickQuery): boolean {
    const row = i32(this.#tables.sticky.columns.row, way);
    return this.#isFresh(way, query) && this.#claims.isCurrent(way) && this.#eligibility.mayKeep(row);
  }

  #isFresh(way: number, query: PickQuery): boolean {
    return query.nowMs - f64(this.#tables.sticky.columns.lastUseMs, way) <= this.#options.stickyTtlMs;
  }

  #claimAffine(set: number, query: PickQuery, out: Pick): ClaimOutcome {
    const way = this.#affineWay(set, query);
    return way < 0 ? "lost" : this.#claims.claim(i32(this.#tables.sticky.columns.row, way), query, out);
  }

  /** The entry of the backend that the session used last under another tier, if it passes every filter; else -1. */
  #affineWay(set: number, query: PickQuery): number {
    const { sticky } = this.#tables;
    const { columns } = sticky;
    const { stickyHi, stickyLo } = query;
    let best = -1;
    let way = sticky.nextOfSessionLocked(set, stickyHi, stickyLo, -1);
    for (; way >= 0; way = sticky.nextOfSessionLocked(set, stickyHi, stickyLo, way)) {
      if (i32(columns.tierPlusOne, way) === query.tier + 1) continue;
      if (!this.#isFresh(way, query) || !this.#claims.isCurrent(way)) continue;
      if (!this.#eligibility.isEligible(i32(columns.row, way))) continue;
      if (best < 0 || this.#isPreferred(way, best)) best = way;
    }
    return best;
  }

  /** The later use wins, then the lower row. */
  #isPreferred(way: number, other: number): boolean {
    const { lastUseMs, row } = this.#tables.sticky.columns;
    const later = f64(lastUseMs, way) - f64(lastUseMs, other);
    return later > 0 || (later === 0 && i32(row, way) < i32(row, other));
  }

  #assign(set: number, query: PickQuery, out: Pick): void {
    const { sticky, backends } = this.#tables;
    const way = sticky.putLocked(set, {
      hi: query.stickyHi,
      lo: query.stickyLo,
      tier: query.tier,
      row: out.row,
      generation: out.generation,
      epoch: backends.epoch(out.row),
      lastUseMs: query.nowMs,
    });
    this.#noteUse(way, query, out, "assigned");
  }

  #noteUse(way: number, query: PickQuery, out: Pick, outcome: "kept" | "assigned"): void {
    const { columns } = this.#tables.sticky;
    const slotMs = this.#options.stickyTtlMs / PERSISTED_SLOTS;
    const isNewSlot = Math.floor(f64(columns.lastUseMs, way) / slotMs) !== Math.floor(query.nowMs / slotMs);
    out.isStickyUseDue = outcome === "assigned" || isNewSlot;
    columns.lastUseMs[way] = query.nowMs;
    columns.lease[way] = out.lease;
    columns.leaseGeneration[way] = out.leaseGeneration;
    out.stickyOutcome = outcome;
  }
}
