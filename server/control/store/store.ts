/** What survives a restart. Reads happen at start; writes are gathered and written off the request path. */
import type { Database } from "bun:sqlite";
import { messageOf } from "../../../core/log/message-of.ts";
import type { Migration } from "../../../core/migration/migration.ts";
import type { Logger } from "../logging/logger.ts";
import { identityOf, openDatabase } from "./open.ts";
import {
  type ClientRow,
  clientParameters,
  type StoredBackend,
  type StoredReport,
  type StoredSticky,
  statsParameters,
  toMigration,
  toStoredBackend,
} from "./rows.ts";
import { toTimestampText } from "./schema.ts";
import { keepSecret } from "./secrets.ts";
import { prepare, SQL } from "./statements.ts";
import { type QueuedWrite, WriteQueue } from "./write-queue.ts";

/** How long a change waits at most; what was answered is on disk two seconds later at the latest. */
const FLUSH_EVERY_MS = 500;
const MAX_BACKOFF_MS = 30_000;
const MAX_QUEUED_WRITES = 250_000;
/** Rows of `stats` deleted in one statement, and statements of one sweep: it must not hold up the control plane. */
const TRIM_BATCH = 2_000;
const TRIM_BATCHES = 10;

type Write =
  | { readonly kind: "backend"; readonly backend: StoredBackend }
  | { readonly kind: "forget"; readonly clientId: string }
  | { readonly kind: "report"; readonly report: StoredReport }
  | { readonly kind: "sticky"; readonly sticky: StoredSticky }
  | { readonly kind: "unstick"; readonly clientId: string }
  | { readonly kind: "migration"; readonly migration: Migration; readonly nowMs: number }
  | { readonly kind: "forget_migration"; readonly id: number }
  | { readonly kind: "setting"; readonly key: string; readonly value: string; readonly atMs: number }
  | { readonly kind: "audit"; readonly entry: string; readonly atMs: number };

/** Entries of the audit log that are kept. */
const MAX_AUDIT_ROWS = 10_000;

/** The database file, opened for one server. */
export class Store {
  readonly #path: string;
  #database: Database;
  /** What tells the file from another one under its name; "" where there is none. */
  #identity: string;
  readonly #onReplaced: (() => void)[] = [];
  /** Why there is no file. */
  #missing = "";
  #soon: Promise<void> | null = null;
  readonly #log: Logger;
  readonly #wallOf: (ms: number) => number;
  readonly #queue = new WriteQueue<Write>(MAX_QUEUED_WRITES, (write) => write.kind === "report");
  #statements: ReturnType<typeof prepare>;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #lastFailure = "";
  #reports = 0;
  #audits = 0;
  /** Those in use, by name: a file that is made anew has to have them too. */
  readonly #secrets = new Map<string, string>();

  /**
   * Opens or creates the file; throws an OpenError. The file holds times of
   * the wall clock: `wallOf` makes them from those of the callers' clock.
   */
  constructor(path: string, log: Logger, wallOf: (ms: number) => number = (ms) => ms) {
    this.#log = log;
    this.#wallOf = wallOf;
    this.#path = path;
    this.#database = openDatabase(path);
    this.#identity = identityOf(path);
    this.#statements = prepare(this.#database);
  }

  /** Notes that this one, in memory, stands in for a file that could not be had, and why. */
  standInFor(reason: string): void {
    this.#missing = `nothing outlives this process: ${reason}`;
  }

  /** Has `save` called when the file was taken away while it was open, so that a new one can have what is known. */
  whenReplaced(save: () => void): void {
    this.#onReplaced.push(save);
  }

  /** Why what is answered may not be on disk soon; null while writing works. */
  get degraded(): string | null {
    if (this.#missing !== "") return this.#missing;
    return this.#failures === 0 ? null : `the database cannot be written: ${this.#lastFailure}`;
  }

  loadBackends(): StoredBackend[] {
    return this.#database.query<ClientRow, []>(SQL.loadClients).all().map(toStoredBackend);
  }

  /** Assignments used since a time, least recently used first, the newest `limit` of them. */
  loadSticky(sinceMs: number, limit: number): StoredSticky[] {
    return this.#database
      .query<StoredSticky, [number, number]>(SQL.loadSticky)
      .all(this.#wallOf(sinceMs), limit)
      .toReversed();
  }

  /** Gives the secret of a name, which is `fresh` from now on if there was none; throws when it cannot be kept. */
  secret(name: string, fresh: string): string {
    const secret = keepSecret(this.#database, name, fresh);
    this.#secrets.set(name, secret);
    return secret;
  }

  saveBackend(backend: StoredBackend): void {
    this.#put(`client ${backend.registration.client_id}`, { kind: "backend", backend });
  }

  /** Adds a report to the history. */
  saveReport(report: StoredReport): void {
    this.#put(`report ${this.#reports++}`, { kind: "report", report });
  }

  /** Forgets a backend with its history and its sticky assignments. */
  forgetBackend(clientId: string): void {
    // Under a key of its own: a registration that follows at once must not take its place in the queue.
    this.#put(`forget ${clientId}`, { kind: "forget", clientId });
  }

  saveSticky(sticky: StoredSticky): void {
    this.#put(`sticky ${sticky.tier} ${sticky.stickyId}`, { kind: "sticky", sticky });
  }

  /** Migrations, in the order in which they began; what is damaged is left out. */
  loadMigrations(): Migration[] {
    return this.#database
      .query<{ state_json: string | null }, []>(SQL.loadMigrations)
      .all()
      .flatMap(({ state_json: text }) => toMigration(text) ?? []);
  }

  saveMigration(migration: Migration, nowMs: number): void {
    this.#put(`migration ${migration.id}`, { kind: "migration", migration, nowMs });
  }

  forgetMigration(id: number): void {
    this.#put(`migration ${id}`, { kind: "forget_migration", id });
  }

  /** Forgets the sticky assignments to a backend. */
  forgetStickyOf(clientId: string): void {
    this.#put(`unstick ${clientId}`, { kind: "unstick", clientId });
  }

  /** Text that is kept under a name of ours; null without one. */
  loadSetting(key: string): string | null {
    return this.#database.query<{ value: string }, [string]>(SQL.loadSetting).get(key)?.value ?? null;
  }

  saveSetting(key: string, value: string): void {
    this.#put(`setting ${key}`, { kind: "setting", key, value, atMs: Date.now() });
  }

  /** Entries of the audit log as JSON, newest first. */
  loadAudit(limit: number): string[] {
    this.flush();
    const rows = this.#database.query<{ entry: string }, [number]>(SQL.loadAudit).all(limit);
    return rows.map(({ entry }) => entry);
  }

  saveAudit(entry: string): void {
    this.#put(`audit ${this.#audits++}`, { kind: "audit", entry, atMs: Date.now() });
  }

  /** Deletes rows of `clients` without a time or older than that; the number deleted. */
  purgeClients(beforeMs: number): number {
    this.flush();
    return this.#guarded(() => {
      const count =
        this.#database.query<{ count: number }, [number]>(SQL.countStale).get(this.#wallOf(beforeMs))
          ?.count ?? 0;
      if (count > 0) this.#statements.purgeClients.run(this.#wallOf(beforeMs));
      return count;
    }, 0);
  }

  /** Deletes old reports, a bounded number that leaves the rest for the next time, and sticky assignments that are expired or more than `maxSticky`. */
  trim(limits: {
    readonly reportsBeforeMs: number;
    readonly stickyBeforeMs: number;
    readonly maxSticky: number;
  }): void {
    this.#guarded(() => {
      for (let batch = 0; batch < TRIM_BATCHES; batch++) {
        const { changes } = this.#statements.trimStats.run(TRIM_BATCH, this.#wallOf(limits.reportsBeforeMs));
        if (changes < TRIM_BATCH) break;
      }
      this.#statements.trimSticky.run(toTimestampText(this.#wallOf(limits.stickyBeforeMs)));
      this.#statements.trimStickySurplus.run(limits.maxSticky);
      this.#statements.trimAudit.run(MAX_AUDIT_ROWS);
    }, undefined);
  }

  /**
   * Resolves once what was changed until now is in the file, or could not be written and is kept for later. Callers of
   * one turn share one transaction.
   */
  settled(): Promise<void> {
    if (this.#queue.size === 0 || this.#failures > 0) return Promise.resolve();
    this.#soon ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#soon = null;
        this.flush();
        resolve();
      });
    });
    return this.#soon;
  }

  /** Writes what is queued, now, in one transaction; true when all of it is in the file. */
  flush(): boolean {
    this.#stopTimer();
    if (this.#queue.size === 0) return true;
    let writes = this.#queue.snapshot();
    try {
      if (this.#reopen()) writes = this.#queue.snapshot();
      this.#database.transaction(() => {
        for (const write of writes) this.#apply(write);
      })();
    } catch (error) {
      this.#onFailure(error);
      return false;
    }
    this.#queue.settle(writes);
    if (this.#failures > 0) this.#log.info("the database is written again", { writes: writes.length });
    this.#failures = 0;
    return true;
  }

  /** Writes what is queued and closes the file. */
  close(): void {
    if (!this.flush()) this.#log.error("changes are lost", { writes: this.#queue.size });
    this.#stopTimer();
    this.#database.close();
  }

  /** Writes to a file that was deleted or replaced would be lost with it: opens the one that is there now. */
  #reopen(): boolean {
    if (this.#identity === identityOf(this.#path)) return false;
    this.#log.error(
      "the database was taken away or replaced while it was open; it is made anew from memory",
      {
        path: this.#path,
      },
    );
    const opened = openDatabase(this.#path);
    this.#database.close();
    this.#database = opened;
    this.#statements = prepare(opened);
    this.#identity = identityOf(this.#path);
    for (const [name, secret] of this.#secrets) keepSecret(opened, name, secret);
    for (const save of this.#onReplaced) save();
    return true;
  }

  #put(key: string, write: Write): void {
    this.#queue.put(key, write);
    if (this.#timer === null) this.#schedule(FLUSH_EVERY_MS);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.flush();
    }, delayMs);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #apply({ value }: QueuedWrite<Write>): void {
    switch (value.kind) {
      case "backend":
        this.#statements.saveClient.run(clientParameters(value.backend, this.#wallOf, toTimestampText));
        return;
      case "forget":
        this.#statements.forgetStats.run(value.clientId);
        this.#statements.forgetSticky.run(value.clientId);
        this.#statements.forgetClient.run(value.clientId);
        return;
      case "report":
        this.#statements.saveReport.run(statsParameters(value.report, this.#wallOf, toTimestampText));
        return;
      case "sticky": {
        const at = toTimestampText(this.#wallOf(value.sticky.lastUsedMs));
        this.#statements.saveSticky.run({ ...value.sticky, at });
        return;
      }
      case "unstick":
        this.#statements.forgetSticky.run(value.clientId);
        return;
      case "migration":
        this.#statements.saveMigration.run({
          id: value.migration.id,
          json: JSON.stringify(value.migration),
          at: toTimestampText(this.#wallOf(value.nowMs)),
        });
        return;
      case "forget_migration":
        this.#statements.forgetMigration.run(value.id);
        return;
      case "setting":
        this.#statements.saveSetting.run({ key: value.key, value: value.value, atMs: value.atMs });
        return;
      case "audit":
        this.#statements.saveAudit.run({ entry: value.entry, atMs: value.atMs });
        return;
    }
  }

  #onFailure(error: unknown): void {
    this.#failures++;
    this.#lastFailure = messageOf(error);
    const retryMs = Math.min(MAX_BACKOFF_MS, FLUSH_EVERY_MS * 2 ** this.#failures);
    this.#log.error("health is degraded: the database cannot be written; changes are kept in memory", {
      error: this.#lastFailure,
      queued: this.#queue.size,
      dropped: this.#queue.takeDropped(),
      retry_ms: retryMs,
    });
    this.#schedule(retryMs);
  }

  #guarded<T>(work: () => T, fallback: T): T {
    try {
      return work();
    } catch (error) {
      this.#log.error("the database cannot be tidied", { error: messageOf(error) });
      return fallback;
    }
  }
}
