/** The backends, each with its row: adding, changing and removing them everywhere at once. */
import { PathGroupPool } from "../../../core/plane/path-groups.ts";
import type { Backend, PathGroup } from "../../../core/plane/snapshot.ts";
import { figuresOf, thresholdsOf } from "../../../core/scoring/index.ts";
import { type BackendHealth, originKey } from "../health/prober.ts";
import type { DrainedBy } from "../store/rows.ts";
import {
  type Admitted,
  type BackendRecord,
  endpointBits,
  tagsOf,
  toBackend,
  toStored,
} from "./backend-record.ts";
import type { Ownership } from "./ownership.ts";
import type { RegistryDeps } from "./registry-types.ts";
import { restoreRecords, restoreSticky } from "./restore.ts";

/** Keeps records, table rows, workers, prober and database in step. */
export class Fleet {
  readonly #deps: RegistryDeps;
  readonly #records = new Map<string, BackendRecord>();
  readonly #byRow = new Map<number, BackendRecord>();
  readonly #groups = new PathGroupPool();

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#records.size;
  }

  get(clientId: string): BackendRecord | undefined {
    return this.#records.get(clientId);
  }

  atRow(row: number): BackendRecord | undefined {
    return this.#byRow.get(row);
  }

  records(): BackendRecord[] {
    return [...this.#records.values()];
  }

  /** What a worker that starts now must know. */
  snapshot(): { readonly backends: readonly Backend[]; readonly pathGroups: readonly PathGroup[] } {
    return { backends: this.records().map(toBackend), pathGroups: [...this.#groups.groups] };
  }

  /** Takes up what the last run knew; before any worker starts. The numbers of backends and sticky sessions. */
  restore(): { readonly backends: number; readonly sticky: number } {
    const deps = this.#deps;
    for (const record of restoreRecords(deps, this.#groups)) {
      this.#keep(record);
      this.writeRow(record);
      this.#writeTerms(record);
      deps.tables.backends.setPathGroup(record.row, record.pathGroup);
      deps.tables.backends.setEnabled(record.row, true);
      deps.prober?.watch(toBackend(record));
    }
    return { backends: this.size, sticky: restoreSticky(deps, (clientId) => this.get(clientId)) };
  }

  /** Adds a backend; resolves once every worker knows it. Null when the table is full. */
  async add(admitted: Admitted, ownership: Ownership, nowMs: number): Promise<BackendRecord | null> {
    const claimed = this.#deps.tables.backends.claimRow();
    if (claimed === null) return null;
    const group = this.#groups.take(admitted.patterns);
    const record: BackendRecord = {
      clientId: admitted.registration.client_id,
      ...claimed,
      admitted,
      pathGroup: group.index,
      ownership,
      createdMs: nowMs,
      lastSeenMs: nowMs,
      loadedMs: 0,
      lastReport: null,
      health: "unknown",
      latencyMs: 0,
      checkedAtMs: null,
      drainedBy: null,
    };
    this.#keep(record);
    await this.#announce(record, group.isNew);
    return record;
  }

  /** Replaces what a registration says; reports, health and sessions stay. */
  async update(record: BackendRecord, admitted: Admitted, nowMs: number): Promise<void> {
    const formerGroup = record.pathGroup;
    const group = this.#groups.take(admitted.patterns);
    record.admitted = admitted;
    record.pathGroup = group.index;
    record.lastSeenMs = nowMs;
    // An agent that drained its backend and registers again is back; what an operator did is an operator's to undo.
    if (record.drainedBy === "agent") record.drainedBy = null;
    await this.#announce(record, group.isNew);
    this.#groups.release(formerGroup);
    const health = this.#deps.prober?.healthOf(record.clientId) ?? null;
    if (health !== null) this.applyHealth(record, health);
  }

  /** Everything of a backend goes: row, leases, sticky sessions, probes, database rows. */
  async drop(record: BackendRecord): Promise<void> {
    const { tables, store, prober } = this.#deps;
    this.#records.delete(record.clientId);
    this.#byRow.delete(record.row);
    prober?.forget(record.clientId);
    tables.backends.releaseRow(record.row);
    store.forgetBackend(record.clientId);
    this.#groups.release(record.pathGroup);
    const newPathGroups = { index: this.#groups.groups.length, groups: [] };
    await this.#deps.publish({ row: record.row, backend: null, newPathGroups });
    await store.settled();
  }

  /** Writes every backend to a database that has none of them. */
  saveAll(): void {
    for (const record of this.#records.values()) this.#deps.store.saveBackend(toStored(record));
  }

  /**
   * Writes what is known of a backend to its row, but for the path group: reports and probes come at any time, and
   * a new group is for the row once every worker knows it.
   */
  writeRow(record: BackendRecord): void {
    const { backends } = this.#deps.tables;
    const { latitude, longitude } = record.admitted.registration;
    backends.setLocation(record.row, latitude ?? null, longitude ?? null);
    if (record.lastReport === null) return;
    const { report, receivedMs } = record.lastReport;
    const reportedAtMs = Math.max(receivedMs, record.loadedMs);
    const { config, tiers } = this.#deps;
    const figures = figuresOf({
      report,
      reportedAtMs,
      tiers,
      weights: config.score_weights,
      thresholds: thresholdsOf(config),
      latencyMs: record.latencyMs,
    });
    backends.writeReport(record.row, figures);
  }

  /** Takes over what probes say of a backend. */
  applyHealth(record: BackendRecord, health: BackendHealth): void {
    const { tables, store, log } = this.#deps;
    const before = record.health;
    const hasNewLatency = record.latencyMs !== health.latencyMs;
    record.health = health.status;
    record.latencyMs = health.latencyMs;
    if (hasNewLatency) this.writeRow(record);
    const down = endpointBits(record, (origin) => health.down.has(originKey(origin)));
    tables.backends.setDownEndpoints(record.row, down);
    if (before === health.status) return;
    tables.backends.setHealthy(record.row, health.status !== "unhealthy");
    if (before === "unhealthy") tables.backends.startRamp(record.row, this.#deps.now());
    const data = { client_id: record.clientId, from: before, to: health.status };
    if (health.status === "unhealthy") {
      store.forgetStickyOf(record.clientId);
      log.warn("backend is unhealthy: it gets no requests, its sticky sessions move", data);
    } else {
      log.info("health of a backend changed", data);
    }
  }

  /** Makes a new or changed backend known: to the workers first, so that no pick finds what they do not know. */
  async #announce(record: BackendRecord, isGroupNew: boolean): Promise<void> {
    this.#deps.store.saveBackend(toStored(record));
    const groups = isGroupNew ? [{ patterns: record.admitted.patterns }] : [];
    await this.#deps.publish({
      row: record.row,
      backend: toBackend(record),
      newPathGroups: { index: record.pathGroup, groups },
    });
    this.writeRow(record);
    this.#writeTerms(record);
    this.#deps.tables.backends.setPathGroup(record.row, record.pathGroup);
    this.#deps.tables.backends.setEnabled(record.row, true);
    this.#deps.prober?.watch(toBackend(record));
    await this.#deps.store.settled();
  }

  /** Writes what a backend may be asked to do: how much at one time, and whether anything new. */
  #writeTerms(record: BackendRecord): void {
    const { config, tables } = this.#deps;
    const { max_in_flight: inFlight, max_connections: connections } = record.admitted.registration;
    const maxConnections = connections ?? config.max_connections_per_backend;
    const maxInFlight = inFlight ?? config.max_in_flight_per_backend;
    // A request takes a connection for itself, so that more requests than connections would wait for one.
    const most = maxConnections > 0 ? Math.min(maxInFlight || maxConnections, maxConnections) : maxInFlight;
    tables.backends.setLimits(record.row, most, maxConnections);
    tables.backends.setDraining(record.row, record.drainedBy !== null);
    tables.migration.setGroup(record.row, this.#deps.groupOf(tagsOf(record)));
  }

  /** Takes a backend out of service softly, or with null back into it. */
  async setDrained(record: BackendRecord, by: DrainedBy | null): Promise<void> {
    const { tables, store, now } = this.#deps;
    if (record.drainedBy !== null && by === null) tables.backends.startRamp(record.row, now());
    record.drainedBy = by;
    this.#writeTerms(record);
    store.saveBackend(toStored(record));
    await store.settled();
  }

  #keep(record: BackendRecord): void {
    this.#records.set(record.clientId, record);
    this.#byRow.set(record.row, record);
  }
}
