/** A fleet in real tables, and one picker over it. */
import type { PickerOptions } from "../../../../core/balancing/options.ts";
import { newPickQuery, Pick, type PickQuery } from "../../../../core/balancing/pick.ts";
import { Picker } from "../../../../core/balancing/picker.ts";
import type { SharedTables } from "../../../../core/plane/messages.ts";
import type { Tier } from "../../../../core/plane/snapshot.ts";
import { NO_BACKUP } from "../../../../core/table/backend/backend-columns.ts";
import { hashStickyId } from "../../../../core/table/sticky-table.ts";
import { openTables, type Tables } from "../../../../core/table/tables.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "../../../sim/fixtures.ts";

export const TIERS: readonly Tier[] = [tierOf("none", 0)];

export interface Member {
  readonly weight: number;
  readonly freeCores: number;
  readonly coreCost: number;
  readonly score: number;
  readonly id: string;
}

/** Adds a backend that has room for anything, unless told otherwise. */
export function addMember(tables: Tables, member: Partial<Member> = {}): number {
  const claimed = tables.backends.claimRow(member.id === undefined ? null : hashStickyId(member.id));
  if (claimed === null) throw new Error("the table is full");
  const { row } = claimed;
  tables.backends.writeReport(row, {
    reportedAtMs: NOW_MS,
    freeCores: member.freeCores ?? 1000,
    coreCost: member.coreCost ?? 1,
    memoryAvailBytes: 0,
    diskAvailBytes: 0,
    gpuVramFreeBytes: [],
    baseScores: Array.from({ length: tables.backends.tierCount }, () => member.score ?? 10),
    gpuMasks: Array.from({ length: tables.backends.tierCount }, () => 0),
  });
  tables.backends.setPreference(row, { weight: member.weight ?? 1, backupOf: NO_BACKUP });
  tables.backends.setEnabled(row, true);
  return row;
}

export class FleetUnderTest {
  readonly shared: SharedTables;
  readonly tables: Tables;
  readonly picker: Picker;
  nowMs = NOW_MS;

  constructor(options: Partial<PickerOptions>, weights: readonly number[] = [], seed = 1) {
    const tiers = options.tiers ?? TIERS;
    this.shared = newTables({ maxBackends: 128, tiers: tiers.length, maxLeases: 4096 });
    this.tables = openTables(this.shared);
    this.picker = new Picker(this.tables, newOptions(tiers, options), seed);
    for (const weight of weights) addMember(this.tables, { weight });
  }

  query(query: Partial<PickQuery> = {}): PickQuery {
    return { ...newPickQuery(), nowMs: this.nowMs, ...query };
  }

  /** Picks and holds. */
  take(query: Partial<PickQuery> = {}): Pick {
    const pick = new Pick();
    const status = this.picker.pick(this.query(query), pick);
    if (status !== "picked") throw new Error(`no pick: ${status}`);
    return pick;
  }

  /** The rows of so many picks, of which none is held when the next is made. */
  rows(count: number, queryOf: (index: number) => Partial<PickQuery> = () => ({})): number[] {
    return Array.from({ length: count }, (_, index) => {
      const pick = this.take(queryOf(index));
      this.picker.settle(pick, this.nowMs);
      return pick.row;
    });
  }

  /** The rows of so many picks, of which the last `held` are always in flight. */
  rowsWith(
    held: number,
    count: number,
    queryOf: (index: number) => Partial<PickQuery> = () => ({}),
  ): number[] {
    const open: Pick[] = [];
    return Array.from({ length: count }, (_, index) => {
      const pick = this.take(queryOf(index));
      open.push(pick);
      const done = open.length > held ? open.shift() : undefined;
      if (done !== undefined) this.picker.settle(done, this.nowMs);
      return pick.row;
    });
  }
}

/** A client of its own for each number. */
export function client(index: number): Partial<PickQuery> {
  const { hi, lo } = hashStickyId(`client-${index}`);
  return { hashHi: hi, hashLo: lo };
}

/** How many of each row there are, by row. */
export function counts(rows: readonly number[], size: number): number[] {
  const found = Array.from({ length: size }, () => 0);
  for (const row of rows) found[row] = (found[row] ?? 0) + 1;
  return found;
}
