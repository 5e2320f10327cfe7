/** Migrations from one group of backends to another: one at a time, and a record of those before. */
import { FILTER_NAMES, FIRST_CAPACITY_FILTER } from "../../../core/balancing/filters.ts";
import { newPickQuery } from "../../../core/balancing/pick.ts";
import type { Picker } from "../../../core/balancing/picker.ts";
import {
  activePhase,
  begin,
  closedTag,
  type Migration,
  type Moment,
  shareOf,
} from "../../../core/migration/migration.ts";
import type { MigrationOptions } from "../../../core/migration/options.ts";
import type { Current } from "../../../core/migration/report.ts";
import {
  type Action,
  type ActionOutcome,
  act,
  type Look,
  look,
  restarted,
} from "../../../core/migration/transitions.ts";
import { EMPTY_WINDOWS } from "../../../core/migration/window.ts";
import { FROM_GROUP, type MigrationGroup, TO_GROUP } from "../../../core/table/backend/migration-split.ts";
import { hashText } from "../../../core/table/keyed-hash.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";
import { GroupWindows, type Members } from "./group-windows.ts";
import { Groups, groupFaults, type Tagged } from "./groups.ts";
import { logChange } from "./journal.ts";

/** Migrations that are kept on record, beside those whose losing group is still closed. */
const MAX_HISTORY = 100;
const LOOK_EVERY_MS = 1000;

export interface MigrationDeps {
  readonly tables: Tables;
  readonly picker: Picker;
  readonly store: Pick<
    Store,
    "loadMigrations" | "saveMigration" | "forgetMigration" | "whenReplaced" | "settled"
  >;
  /** Every backend that is known now. */
  readonly backends: () => readonly Tagged[];
  readonly log: Logger;
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
  /** What of it people are told. */
  readonly wallOf: (ms: number) => number;
  /** Calls `work` once a second until the result is called; for tests. */
  readonly every?: (work: () => void, ms: number) => () => void;
}

export interface MigrationAsk {
  readonly from: string;
  readonly to: string;
  readonly options: MigrationOptions;
  readonly by: string;
}

export type StartOutcome =
  | { readonly kind: "started"; readonly migration: Migration }
  | { readonly kind: "invalid"; readonly errors: readonly FieldError[] }
  | { readonly kind: "conflict"; readonly detail: string };

export class Migrations {
  readonly #deps: MigrationDeps;
  readonly #windows: GroupWindows;
  /** In the order in which they began; at most the last has not ended. */
  #all: Migration[] = [];
  #groups = new Groups([]);
  #stopTimer: (() => void) | null = null;

  constructor(deps: MigrationDeps) {
    this.#deps = deps;
    this.#windows = new GroupWindows(deps.tables);
    deps.store.whenReplaced(() => {
      for (const migration of this.#all) deps.store.saveMigration(migration, deps.now());
    });
  }

  /** Takes up what the last run knew: before any backend gets its row, so that none gets what is not for it. Their number. */
  restore(): number {
    const moment = this.#moment();
    this.#all = this.#deps.store.loadMigrations().map((each) => restarted(each, moment));
    this.#groups = new Groups(this.#all);
    const active = this.#active;
    if (active === null) return this.#all.length;
    this.#deps.store.saveMigration(active, moment.nowMs);
    this.#beginSplit(active);
    this.#deps.log.info("a migration goes on: its stage begins anew", {
      migration: active.id,
      share_percent: shareOf(active),
    });
    this.#startTimer();
    return this.#all.length;
  }

  /** The part that a backend with these tags has. */
  groupOf(tags: readonly string[]): MigrationGroup {
    return this.#groups.of(tags);
  }

  async start({ from, to, options, by }: MigrationAsk): Promise<StartOutcome> {
    const running = this.#active;
    if (running !== null) return { kind: "conflict", detail: runsAlready(running) };
    const errors = groupFaults(this.#deps.backends(), from, to);
    if (errors.length > 0) return { kind: "invalid", errors };
    // What earlier migrations have closed is this one's to open.
    const closing = this.#all.filter((each) => closedTag(each) !== null);
    const superseded = closing.filter((each) => [from, to].includes(closedTag(each) ?? ""));
    if (closing.length - superseded.length >= MAX_HISTORY) {
      return { kind: "conflict", detail: TOO_MANY_CLOSED };
    }
    for (const each of superseded) this.#replace({ ...each, isReleased: true });
    const id = (this.#all.at(-1)?.id ?? 0) + 1;
    const migration = begin({ id, from, to, options, createdBy: by }, this.#moment());
    this.#all.push(migration);
    this.#trim();
    this.#deps.store.saveMigration(migration, this.#deps.now());
    this.#beginSplit(migration);
    this.#takeEffect();
    this.#windows.begin(this.#members());
    this.#startTimer();
    logChange(this.#deps.log, null, migration);
    await this.#deps.store.settled();
    return { kind: "started", migration };
  }

  /** Does what a person asks of the migration with an id. */
  async act(id: number, action: Action, by: string): Promise<ActionOutcome> {
    const migration = this.get(id);
    if (migration === null) return { ok: false, why: "there is none with this id" };
    const isUnderWay = activePhase(migration) !== null;
    const seen = isUnderWay ? this.#look() : { ...this.#moment(), windows: EMPTY_WINDOWS, isRoutable: true };
    const outcome = act(migration, action, by, seen);
    if (!outcome.ok) return outcome;
    this.#become(migration, outcome.migration);
    await this.#deps.store.settled();
    return outcome;
  }

  /** Latest first. */
  list(): Migration[] {
    return this.#all.toReversed();
  }

  get(id: number): Migration | null {
    return this.#all.find((each) => each.id === id) ?? null;
  }

  /** What the present stage of a migration has measured so far; null when it has ended. */
  current(migration: Migration): Current | null {
    const phase = activePhase(migration);
    if (phase === null) return null;
    this.#windows.collect(this.#members());
    return { ...this.#windows.windows, heldMs: this.#deps.now() - phase.sinceMs };
  }

  /** Looks at the migration that is under way; once a second while there is one. */
  tick(): void {
    const active = this.#active;
    if (active === null) return;
    this.#become(active, look(active, this.#look()));
    // A crash must not take a stage back.
    void this.#deps.store.settled();
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  get #active(): Migration | null {
    return this.#all.find((each) => activePhase(each) !== null) ?? null;
  }

  #become(before: Migration, after: Migration): void {
    if (after === before) return;
    this.#replace(after);
    logChange(this.#deps.log, before, after);
    if (activePhase(before) !== null) this.#deps.tables.migration.setShare(shareOf(after) / 100);
    this.#takeEffect();
    if (activePhase(after) === null) this.#end();
    else if (after.reports !== before.reports) this.#windows.begin(this.#members());
  }

  #end(): void {
    if (this.#active !== null) return;
    this.#deps.tables.migration.end();
    this.stop();
  }

  #beginSplit(migration: Migration): void {
    const { hi: salt } = hashText(`${migration.id} ${migration.createdMs}`, 0, 0);
    const { sessions, split_by: splitBy } = migration.options;
    const rules = { salt, movesSessions: sessions === "move", byClient: splitBy === "client" };
    this.#deps.tables.migration.begin(rules, shareOf(migration) / 100);
  }

  /** Gives every backend the part that it has now. */
  #takeEffect(): void {
    this.#groups = new Groups(this.#all);
    const { tables, backends } = this.#deps;
    for (const { row, tags } of backends()) tables.migration.setGroup(row, this.#groups.of(tags));
    tables.queue.freed();
  }

  #look(): Look {
    const members = this.#members();
    this.#windows.collect(members);
    const isRoutable = members.to.some(({ row }) => this.#isInService(row));
    return { ...this.#moment(), windows: this.#windows.windows, isRoutable };
  }

  /** One without room takes requests again soon. */
  #isInService(row: number): boolean {
    const query = newPickQuery();
    query.nowMs = this.#deps.now();
    const { filter } = this.#deps.picker.verdict(row, query);
    return filter === null || FILTER_NAMES.indexOf(filter) >= FIRST_CAPACITY_FILTER;
  }

  /** Both groups of the migration that is under way. */
  #members(): Members {
    const backends = this.#deps.backends();
    const inGroup = (group: MigrationGroup) => backends.filter(({ tags }) => this.#groups.of(tags) === group);
    return { from: inGroup(FROM_GROUP), to: inGroup(TO_GROUP) };
  }

  #replace(migration: Migration): void {
    this.#all = this.#all.map((each) => (each.id === migration.id ? migration : each));
    this.#deps.store.saveMigration(migration, this.#deps.now());
  }

  #trim(): void {
    const surplus = this.#all.length - MAX_HISTORY;
    const idle = this.#all.filter((each) => activePhase(each) === null && closedTag(each) === null);
    const gone = new Set(idle.slice(0, Math.max(0, surplus)));
    for (const { id } of gone) this.#deps.store.forgetMigration(id);
    this.#all = this.#all.filter((each) => !gone.has(each));
  }

  #startTimer(): void {
    this.#stopTimer ??= (this.#deps.every ?? interval)(() => this.tick(), LOOK_EVERY_MS);
  }

  #moment(): Moment {
    const nowMs = this.#deps.now();
    return { nowMs, wallMs: this.#deps.wallOf(nowMs) };
  }
}

const TOO_MANY_CLOSED = `${MAX_HISTORY} groups are closed by earlier migrations; release some of those first (POST /migrations/{id}/release)`;

function runsAlready({ id, from, to, phase }: Migration): string {
  return `migration ${id} (${from} to ${to}) is ${phase.kind}; only one can be under way: wait for its end, or abort it`;
}

function interval(work: () => void, ms: number): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}
