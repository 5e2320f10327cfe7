/** The backends, each with its row: adding, changing and removing them everywhere at once. */
import type { BackendConfig, BackendTerms } from "../../../core/config/schema/backend-schema.ts";
import { PathGroupPool } from "../../../core/plane/path-groups.ts";
import type { Backend, PathGroup } from "../../../core/plane/snapshot.ts";
import { agentlessFigures, figuresOf, thresholdsOf } from "../../../core/scoring/index.ts";
import { BACKUP_OF_ALL, NO_BACKUP } from "../../../core/table/backend/backend-columns.ts";
import { hashStickyId } from "../../../core/table/sticky-table.ts";
import { type BackendHealth, originKey } from "../health/prober.ts";
import type { DrainedBy } from "../store/rows.ts";
import {
  type Admitted,
  type BackendRecord,
  type BackendSource,
  endpointBits,
  tagsOf,
  toBackend,
  toStored,
} from "./backend-record.ts";
import type { Ownership } from "./ownership.ts";
import type { RegistryDeps } from "./registry-types.ts";
import { restoreRecords, restoreSticky } from "./restore.ts";

/** How a backend comes into the fleet. */
export interface Arrival {
  readonly ownership: Ownership;
  readonly nowMs: number;
  readonly source?: BackendSource;
  /** What the configuration says of it. */
  readonly entry?: BackendConfig;
}

/** Under this name the database keeps which configured backends are drained. */
const DRAINED_SETTING = "drained_backends";

/** Keeps records, table rows, workers, prober and database in step. */
export class Fleet {
  readonly #deps: RegistryDeps;
  readonly #records = new Map<string, BackendRecord>();
  readonly #byRow = new Map<number, BackendRecord>();
  readonly #groups = new PathGroupPool();
  /** Configured backends that an operator has drained; those with an agent have it in their database row. */
  readonly #drained: Set<string>;
  /** Some backend is the backup of another by name. */
  #namesBackups = false;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.#drained = new Set(readIds(deps.store.loadSetting(DRAINED_SETTING)));
  }

  get size(): number {
    return this.#records.size;
  }

  /** How many there can be. */
  get capacity(): number {
    return this.#deps.tables.backends.capacity;
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

  /** Every group of path patterns, those that no backend has any more included, as workers know them. */
  get pathGroups(): readonly PathGroup[] {
    return this.#groups.groups;
  }

  /** What a worker that starts now must know. */
  snapshot(): { readonly backends: readonly Backend[]; readonly pathGroups: readonly PathGroup[] } {
    return { backends: this.records().map(toBackend), pathGroups: [...this.#groups.groups] };
  }

  /** Takes up the backends of the last run; before any worker starts. Their number. */
  restore(): number {
    const deps = this.#deps;
    for (const record of restoreRecords(deps, this.#groups)) {
      this.#keep(record);
      this.writeRow(record);
      this.#writeTerms(record);
      deps.tables.backends.setPathGroup(record.row, record.pathGroup);
      deps.tables.backends.setEnabled(record.row, true);
      deps.prober?.watch(toBackend(record));
    }
    return this.size;
  }

  /** Takes up the sticky sessions of backends that are there. Their number. */
  restoreSticky(): number {
    return restoreSticky(this.#deps, (clientId) => this.get(clientId));
  }

  /** Adds a backend; resolves once every worker knows it. Null when the table is full. */
  async add(admitted: Admitted, arrival: Arrival): Promise<BackendRecord | null> {
    const claimed = this.#deps.tables.backends.claimRow(hashStickyId(admitted.registration.client_id));
    if (claimed === null) return null;
    const { ownership, nowMs, source = "agent", entry = {} } = arrival;
    const group = this.#groups.take(admitted.patterns);
    const clientId = admitted.registration.client_id;
    const record: BackendRecord = {
      clientId,
      ...claimed,
      source,
      admitted,
      terms: entry,
      resources: entry.resources,
      pathGroup: group.index,
      ownership,
      createdMs: nowMs,
      lastSeenMs: nowMs,
      loadedMs: 0,
      lastReport: null,
      health: "unknown",
      latencyMs: 0,
      checkedAtMs: null,
      drainedBy: source !== "agent" && this.#drained.has(clientId) ? "operator" : null,
    };
    this.#keep(record);
    if (this.#namesBackups) this.writePreferences();
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
    if (this.#namesBackups) this.writePreferences();
    store.forgetBackend(record.clientId);
    this.#groups.release(record.pathGroup);
    const newPathGroups = { index: this.#groups.groups.length, groups: [] };
    await this.#deps.publish({ row: record.row, backend: null, newPathGroups });
    await store.settled();
  }

  /** Writes every backend to a database that has none of them. */
  saveAll(): void {
    for (const record of this.#records.values()) this.#save(record);
    this.#saveDrained();
  }

  /** Keeps what outlives a restart; what the configuration says is there anyway. */
  #save(record: BackendRecord): void {
    if (record.source === "agent") this.#deps.store.saveBackend(toStored(record));
  }

  #saveDrained(): void {
    this.#deps.store.saveSetting(DRAINED_SETTING, JSON.stringify([...this.#drained]));
  }

  /**
   * Writes what is known of a backend to its row, but for the path group: reports and probes come at any time, and
   * a new group is for the row once every worker knows it.
   */
  writeRow(record: BackendRecord): void {
    const { backends } = this.#deps.tables;
    const { latitude, longitude } = record.admitted.registration;
    backends.setLocation(record.row, latitude ?? null, longitude ?? null);
    const { config, tiers } = this.#deps;
    if (record.source !== "agent") {
      const { resources, latencyMs } = record;
      const weights = config.score_weights;
      backends.setGpusUnknown(record.row, resources?.gpu === undefined);
      backends.writeReport(record.row, agentlessFigures({ resources, tiers, weights, latencyMs }));
      return;
    }
    if (record.lastReport === null) return;
    const { report, receivedMs } = record.lastReport;
    const reportedAtMs = Math.max(receivedMs, record.loadedMs);
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
    this.#save(record);
    const groups = isGroupNew ? [{ patterns: record.admitted.patterns }] : [];
    await this.#deps.publish({
      row: record.row,
      backend: toBackend(record),
      newPathGroups: { index: record.pathGroup, groups },
    });
    this.writeRow(record);
    this.#writeTerms(record);
    this.#writePreference(record);
    this.#deps.tables.backends.setPathGroup(record.row, record.pathGroup);
    this.#deps.tables.backends.setEnabled(record.row, true);
    this.#deps.prober?.watch(toBackend(record));
    await this.#deps.store.settled();
  }

  /** Writes what a backend may be asked to do: how much at one time, and whether anything new. */
  #writeTerms(record: BackendRecord): void {
    const { config, tables } = this.#deps;
    const { registration } = record.admitted;
    const inFlight = record.terms.max_in_flight ?? registration.max_in_flight;
    const connections = record.terms.max_connections ?? registration.max_connections;
    const maxConnections = connections ?? config.max_connections_per_backend;
    const maxInFlight = inFlight ?? config.max_in_flight_per_backend;
    // A request takes a connection for itself, so that more requests than connections would wait for one.
    const most = maxConnections > 0 ? Math.min(maxInFlight || maxConnections, maxConnections) : maxInFlight;
    tables.backends.setLimits(record.row, most, maxConnections);
    tables.backends.setDraining(record.row, record.drainedBy !== null);
    tables.migration.setGroup(record.row, this.#deps.groupOf(tagsOf(record.terms, registration)));
  }

  /** Takes a backend out of service softly, or with null back into it. */
  async setDrained(record: BackendRecord, by: DrainedBy | null): Promise<void> {
    const { tables, store, now } = this.#deps;
    if (record.drainedBy !== null && by === null) tables.backends.startRamp(record.row, now());
    record.drainedBy = by;
    this.#writeTerms(record);
    if (record.source !== "agent") {
      if (by === null) this.#drained.delete(record.clientId);
      else this.#drained.add(record.clientId);
      this.#saveDrained();
    }
    this.#save(record);
    await store.settled();
  }

  /** Takes over what operators say of a backend; {@link writePreferences} is due after it. */
  setTerms(record: BackendRecord, terms: BackendTerms): void {
    const { weight, backup, tags, max_connections: connections, max_in_flight: inFlight } = terms;
    record.terms = {
      ...(weight === undefined ? {} : { weight }),
      ...(backup === undefined ? {} : { backup }),
      ...(tags === undefined ? {} : { tags }),
      ...(connections === undefined ? {} : { max_connections: connections }),
      ...(inFlight === undefined ? {} : { max_in_flight: inFlight }),
    };
    this.#writeTerms(record);
  }

  /** Writes how much of the requests each backend gets, and which wait for others to fail. */
  writePreferences(): void {
    this.#namesBackups = false;
    for (const record of this.#records.values()) this.#writePreference(record);
  }

  #writePreference({ row, terms }: BackendRecord): void {
    const { weight = 1, backup = false } = terms;
    if (typeof backup === "string") this.#namesBackups = true;
    this.#deps.tables.backends.setPreference(row, { weight, backupOf: this.#backupOf(backup) });
  }

  /** The backup of one that is not there does not wait for it. */
  #backupOf(backup: boolean | string): number {
    if (typeof backup === "boolean") return backup ? BACKUP_OF_ALL : NO_BACKUP;
    return this.#records.get(backup)?.row ?? NO_BACKUP;
  }

  /** Writes everything of every backend anew, after a change of the configuration. */
  rewriteAll(): void {
    const { prober } = this.#deps;
    for (const record of this.#records.values()) {
      const health = prober?.healthOf(record.clientId) ?? null;
      if (health !== null) this.applyHealth(record, health);
      this.writeRow(record);
      this.#writeTerms(record);
    }
  }

  #keep(record: BackendRecord): void {
    this.#records.set(record.clientId, record);
    this.#byRow.set(record.row, record);
  }
}

function readIds(json: string | null): string[] {
  if (json === null) return [];
  const ids: unknown = JSON.parse(json);
  return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : [];
}
