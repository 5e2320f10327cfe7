import { evenly } from "../resilience/slow-start.ts";
import {
  CLOSED_GROUP,
  FROM_GROUP,
  type MigrationGroup,
  type MigrationSplit,
  NO_GROUP,
  TO_GROUP,
  turnOf,
} from "../table/backend/migration-split.ts";
import { i32 } from "../table/buffer-layout.ts";
import type { PickQuery } from "./pick.ts";

/** Which groups a query may have: its own, both, or the closed ones as well. */
const OWN = 0;
const BOTH = 1;
const ALL = 2;

/**
 * Leaves the backends out that are not for a query while one group of them takes over from another. Those that no
 * migration names are for every query.
 */
export class MigrationFilter {
  readonly #split: MigrationSplit;
  readonly #worker: number;
  /** Queries that were split one by one. */
  #draws = 0;
  #share = 0;
  /** Some backend has a part in a migration. */
  #isInUse = false;
  /** The group that the query is for; none when it may have both. */
  #own: MigrationGroup = NO_GROUP;
  /** The query is of somebody who is moved as a whole, and not split by itself. */
  #hasTurn = false;
  #reach = OWN;
  #hasRemoved = false;
  #hasRemovedClosed = false;

  constructor(split: MigrationSplit, worker: number) {
    this.#split = split;
    this.#worker = worker;
  }

  /** The new group's share, 0 to 1. */
  get share(): number {
    return this.#split.share;
  }

  /** The query has to take a backend that is not for it, as its own cannot. */
  get hasFallenBack(): boolean {
    return this.#reach !== OWN;
  }

  /** Differs between queries that may have different groups. */
  get audience(): number {
    return this.#reach === OWN ? this.#own : -this.#reach;
  }

  /** Turns to a query; false when no backend has a part in a migration. One that is split by itself gets the likelier group. */
  prepare(query: PickQuery): boolean {
    this.#reach = OWN;
    this.#hasRemoved = false;
    this.#hasRemovedClosed = false;
    this.#isInUse = this.#split.isInUse;
    if (this.#isInUse) this.#turnTo(query, 0.5);
    return this.#isInUse;
  }

  /** Decides for the prepared query, which is to be sent: each that is split by itself moves the sequence on. */
  draw(query: PickQuery): void {
    if (!this.#isInUse) return;
    const isByItself = this.#split.isActive && !query.sticky && !query.client;
    this.#turnTo(query, isByItself ? evenly(++this.#draws, this.#worker) : 0.5);
  }

  /** Removes only rows that get no query at all: those of a group without a share, and of closed ones. */
  admitSome(): void {
    if (this.#share > 0 && this.#share < 1) this.#own = NO_GROUP;
  }

  /** Removes only closed rows, as a query has met that found no backend. */
  admitBoth(): void {
    this.#reach = BOTH;
  }

  /** Whether the row is left out of the query. */
  removes(row: number): boolean {
    const group = i32(this.#split.group, row);
    if (group === NO_GROUP || group === this.#own) return false;
    if (group === CLOSED_GROUP) {
      if (this.#reach === ALL) return false;
      this.#hasRemovedClosed = true;
      return true;
    }
    if (this.#own === NO_GROUP || this.#reach !== OWN) return false;
    this.#hasRemoved = true;
    return true;
  }

  /**
   * Whether a session that has the row has to leave it: the old group's at the end or when its turn comes, the new group's
   * when that has no share any more. One that is known by its cookie alone has no turn.
   */
  mustLeave(row: number): boolean {
    const group = i32(this.#split.group, row);
    if (group === CLOSED_GROUP) return this.#reach !== ALL;
    if (this.#own === NO_GROUP || group === NO_GROUP || group === this.#own) return false;
    if (group === TO_GROUP) return this.#share <= 0;
    return this.#share >= 1 || (this.#split.movesSessions && this.#hasTurn);
  }

  /** Lets the query have more groups, if that can help it; closed ones only if `mayOpen` says so. */
  widen(mayOpen: () => boolean): boolean {
    if (this.#hasRemoved && this.#reach === OWN) {
      this.#reach = BOTH;
      return true;
    }
    if (!this.#hasRemovedClosed || this.#reach === ALL || !mayOpen()) return false;
    this.#reach = ALL;
    return true;
  }

  #turnTo(query: PickQuery, place: number): void {
    this.#share = this.#split.share;
    this.#own = NO_GROUP;
    if (!this.#split.isActive) return;
    this.#hasTurn = query.sticky || query.client;
    let turn = place;
    if (query.sticky) turn = turnOf(query.stickyHi, query.stickyLo, this.#split.salt);
    else if (query.client) turn = turnOf(query.clientHi, query.clientLo, this.#split.salt);
    this.#own = turn < this.#share ? TO_GROUP : FROM_GROUP;
  }
}
