/** The one place that knows backends: who they are, who may speak for them, what they last reported. */
import type { StickyAssignment, WorkerEjected } from "../../../core/plane/messages.ts";
import { endAllLeases } from "../../../core/table/tables.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import type { Report } from "../../../core/wire/report.ts";
import type { ProbeReport } from "../health/prober.ts";
import type { Tagged } from "../migration/groups.ts";
import { type BackendRecord, endpointBits, isActive, toStored, toTagged } from "./backend-record.ts";
import type {
  BackendState,
  DrainOutcome,
  PurgeResult,
  Readiness,
  RegisterOutcome,
  RemoveOutcome,
  ReportOutcome,
  Totals,
  UndrainOutcome,
} from "./backend-state.ts";
import { reasonsOf, roomOf, toState } from "./backend-view.ts";
import { ConfiguredBackends } from "./configured-backends.ts";
import { untilIdle } from "./draining.ts";
import { Fleet } from "./fleet.ts";
import { BUSY, KeyedQueue } from "./keyed-queue.ts";
import { type Caller, claimOf, mayManage, maySpeak } from "./ownership.ts";
import { Registrar } from "./registrar.ts";
import { type BackendRegistry, type RegistryDeps, unknownId } from "./registry-types.ts";
import { isSuperseded, readReportTime, wasClockAhead } from "./report-time.ts";

export type { BackendRegistry } from "./registry-types.ts";

/** A removed backend's database row is deleted at once; rows that no backend answers for, after this. */
const ORPHAN_ROW_MS = 30 * 86_400_000;

export class Registry implements BackendRegistry {
  readonly #deps: RegistryDeps;
  readonly #fleet: Fleet;
  readonly #queue = new KeyedQueue();
  readonly #registrar: Registrar;
  /** The backends that need no agent. */
  readonly configured: ConfiguredBackends;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.#fleet = new Fleet(deps);
    const { policy, log, now } = deps;
    this.configured = new ConfiguredBackends({ fleet: this.#fleet, queue: this.#queue, policy, log, now });
    this.#registrar = new Registrar(deps, {
      fleet: this.#fleet,
      queue: this.#queue,
      termsOf: (clientId) => this.configured.termsOf(clientId),
    });
    deps.store.whenReplaced(() => this.#fleet.saveAll());
  }

  get #staleMs(): number {
    return this.#deps.config.stale_minutes * 60_000;
  }

  /** Takes up the backends of the last run; before any worker starts. Their number. */
  restore(): number {
    return this.#fleet.restore();
  }

  /** Every backend with the groups that it is in. */
  tagged(): Tagged[] {
    return this.#fleet.records().map(toTagged);
  }

  /** Takes up the sticky sessions of the last run, when all backends are there. Their number. */
  restoreSticky(): number {
    return this.#fleet.restoreSticky();
  }

  /** How many backends there are. */
  get size(): number {
    return this.#fleet.size;
  }

  /** Goes by another configuration: every row says what its backend has to give by that. */
  rewriteAll(): void {
    this.#fleet.rewriteAll();
  }

  /** Every group of path patterns, as workers know them. */
  get pathGroups(): Fleet["pathGroups"] {
    return this.#fleet.pathGroups;
  }

  /** What a worker that starts now must know. */
  snapshot(): ReturnType<Fleet["snapshot"]> {
    return this.#fleet.snapshot();
  }

  async register(registration: Registration, peer: string, token: string | null): Promise<RegisterOutcome> {
    return this.#registrar.register(registration, peer, token);
  }

  report(report: Report, token: string | null, nowMs: number): ReportOutcome {
    const record = this.#fleet.get(report.client_id);
    if (record === undefined) return { kind: "unknown", detail: unknownId(report.client_id) };
    const claim = claimOf(record.ownership, token);
    if (!maySpeak(record.ownership, claim)) return { kind: "forbidden", detail: NOT_YOURS };
    const time = readReportTime(report.timestamp, nowMs);
    if (!time.ok) {
      const rule = "must be an RFC 3339 time such as 2026-01-31T12:00:00Z";
      return { kind: "invalid", errors: [{ field: "timestamp", rule, got: report.timestamp }] };
    }
    const last = record.lastReport;
    if (time.isClockAhead && !wasClockAhead(last)) {
      this.#deps.log.warn("the clock of a backend is ahead: its reports count as made when they arrive", {
        client_id: record.clientId,
        timestamp: report.timestamp,
      });
    }
    if (last !== null && isSuperseded({ atMs: time.atMs, receivedMs: nowMs }, last)) {
      return {
        kind: "ignored",
        detail: `a report of ${new Date(last.timestampMs).toISOString()} was applied`,
      };
    }
    record.lastReport = { report, receivedMs: nowMs, timestampMs: time.atMs };
    record.lastSeenMs = nowMs;
    if (claim === "holder") record.ownership = { ...record.ownership, tokenShown: true };
    this.#fleet.writeRow(record);
    this.#deps.store.saveReport(record.lastReport);
    this.#deps.store.saveBackend(toStored(record));
    return { kind: "applied", detail: time.isClockAhead ? CLOCK_AHEAD : null };
  }

  async remove(clientId: string, caller: Caller): Promise<RemoveOutcome> {
    if (this.#queue.isFull(clientId)) return BUSY;
    return this.#queue.run(clientId, async () => {
      const record = this.#fleet.get(clientId);
      if (record === undefined) return { kind: "unknown", detail: unknownId(clientId) };
      if (!mayManage(record.ownership, caller)) return { kind: "forbidden", detail: NOT_YOURS };
      if (record.source !== "agent") return { kind: "forbidden", detail: NOT_REGISTERED };
      await this.#fleet.drop(record);
      this.#deps.log.info("backend removed", { client_id: clientId });
      return { kind: "removed" };
    });
  }

  async drain(clientId: string, caller: Caller, withinMs: number): Promise<DrainOutcome> {
    const record = this.#fleet.get(clientId);
    if (record === undefined) return { kind: "unknown", detail: unknownId(clientId) };
    if (!mayManage(record.ownership, caller)) return { kind: "forbidden", detail: NOT_YOURS };
    if (record.drainedBy === null) {
      await this.#fleet.setDrained(record, caller.token === null ? "operator" : "agent");
      this.#deps.log.info("a backend is being drained: it gets nothing new", { client_id: clientId });
    }
    return { kind: "draining", ...(await untilIdle(record, this.#deps.tables, withinMs)) };
  }

  async undrain(clientId: string, caller: Caller): Promise<UndrainOutcome> {
    const record = this.#fleet.get(clientId);
    if (record === undefined) return { kind: "unknown", detail: unknownId(clientId) };
    if (!mayManage(record.ownership, caller)) return { kind: "forbidden", detail: NOT_YOURS };
    if (record.drainedBy !== null) {
      await this.#fleet.setDrained(record, null);
      this.#deps.log.info("a backend is in service again", { client_id: clientId });
    }
    return { kind: "in_service" };
  }

  list(nowMs: number): readonly BackendState[] {
    const records = this.#fleet.records().toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1));
    return records.map((record) => this.#stateOf(record, nowMs));
  }

  get(clientId: string, nowMs: number): BackendState | null {
    const record = this.#fleet.get(clientId);
    return record === undefined ? null : this.#stateOf(record, nowMs);
  }

  clientIdOfRow(row: number): string | null {
    return this.#fleet.atRow(row)?.clientId ?? null;
  }

  async purgeStale(nowMs: number): Promise<PurgeResult> {
    const cachePurged = await this.forgetUnseen(nowMs, this.#staleMs);
    return { cachePurged, dbPurged: this.purgeRows(nowMs) };
  }

  /** Deletes database rows of which no backend was heard for long; the number deleted. */
  purgeRows(nowMs: number): number {
    return this.#deps.store.purgeClients(nowMs - ORPHAN_ROW_MS);
  }

  /** Removes backends unseen for longer than that; the number removed. */
  async forgetUnseen(nowMs: number, longerThanMs: number): Promise<number> {
    const isUnseen = (record: BackendRecord): boolean => !isActive(record, nowMs, longerThanMs);
    const unseen = this.#fleet.records().filter(isUnseen);
    const removals = unseen.map((record) =>
      this.#queue.run(record.clientId, async () => {
        if (this.#fleet.get(record.clientId) !== record || !isUnseen(record)) return 0;
        await this.#fleet.drop(record);
        this.#deps.log.info("backend forgotten: it was not seen any more", { client_id: record.clientId });
        return 1;
      }),
    );
    return (await Promise.all(removals)).reduce<number>((sum, one) => sum + one, 0);
  }

  purgeLeases(): number {
    return endAllLeases(this.#deps.tables);
  }

  readiness(nowMs: number): Readiness {
    if (this.#fleet.size === 0) return { ready: false, reason: "no backend is registered" };
    const states = this.list(nowMs);
    if (states.some((state) => state.routable)) return { ready: true, reason: null };
    return { ready: false, reason: `no backend is routable (${reasonsOf(states)})` };
  }

  get degraded(): string | null {
    return this.#deps.store.degraded;
  }

  totals(nowMs: number): Totals {
    let active = 0;
    for (const record of this.#fleet.records()) if (this.#isActive(record, nowMs)) active++;
    return { total: this.#fleet.size, active };
  }

  /** Applies what a probe found out. */
  onProbe({ clientId, origin, outcome, originBefore, originAfter, health }: ProbeReport): void {
    const record = this.#fleet.get(clientId);
    if (record === undefined) return;
    if (originBefore !== originAfter) {
      const reason = outcome.ok ? undefined : outcome.reason;
      const data = { client_id: clientId, origin: origin.key, from: originBefore, to: originAfter, reason };
      if (originAfter === "unhealthy") this.#deps.log.warn("health of an endpoint changed", data);
      else this.#deps.log.info("health of an endpoint changed", data);
    }
    record.checkedAtMs = this.#deps.now();
    this.#fleet.applyHealth(record, health);
    if (!outcome.ok) return;
    const reached = endpointBits(record, ({ key }) => key === origin.key);
    this.#deps.picker.reached(record.row, reached, this.#deps.now());
  }

  /** Requests to an endpoint fail: its next probe, which may tell that it is back, is due at once. */
  onEjected({ row, generation, endpoint }: WorkerEjected): void {
    const record = this.#fleet.atRow(row);
    const origin = record?.admitted.endpoints[endpoint]?.origin;
    if (record?.generation !== generation || origin === undefined) return;
    this.#deps.prober?.hurry(record.clientId, origin);
  }

  /** Persists assignments that workers made. */
  saveSticky(assignments: readonly StickyAssignment[]): void {
    for (const { stickyId, tier, row, generation, atMs } of assignments) {
      const record = this.#fleet.atRow(row);
      const name = this.#deps.tiers[tier]?.name;
      if (record === undefined || record.generation !== generation || name === undefined) continue;
      this.#deps.store.saveSticky({ stickyId, tier: name, clientId: record.clientId, lastUsedMs: atMs });
    }
  }

  #stateOf(record: BackendRecord, nowMs: number): BackendState {
    const { picker, tiers, wallOf } = this.#deps;
    const room = roomOf(picker, tiers, record.row, nowMs);
    return toState(record, this.#isActive(record, nowMs), room, wallOf);
  }

  #isActive(record: BackendRecord, nowMs: number): boolean {
    return isActive(record, nowMs, this.#staleMs);
  }
}

const CLOCK_AHEAD =
  "the timestamp is more than 5 minutes ahead of this server's clock: the report counts as made now";

const NOT_REGISTERED =
  "it did not register itself: remove it from the configuration, or with DELETE /backends/{id}";

const NOT_YOURS =
  "the agent token is missing or is not the one that the last registration of this client_id returned";
