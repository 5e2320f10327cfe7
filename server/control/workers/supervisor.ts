/** Starts the data-plane threads, tells them of changes, and replaces those that fail. */
import type { ApiKey } from "../../../core/plane/api-key.ts";
import type { CachePurge, CacheReport } from "../../../core/plane/cache.ts";
import type {
  CertificateSet,
  StickyAssignment,
  WorkerBackend,
  WorkerEjected,
  WorkerInit,
  WorkerSettings,
  WorkerSpans,
} from "../../../core/plane/messages.ts";
import type { Backend, PathGroup } from "../../../core/plane/snapshot.ts";
import { releaseWorker, type Tables } from "../../../core/table/tables.ts";
import type { Decision } from "../../../core/wire/console.ts";
import type { Logger } from "../logging/logger.ts";
import type { BackendUpdate } from "../registry/registry-types.ts";
import { WORKER_URL, WorkerThread } from "./worker-thread.ts";

/** What every worker is started with. */
export type WorkerBase = Omit<
  WorkerInit,
  "type" | "index" | "backends" | "pathGroups" | "port" | "adminPort"
>;

export interface SupervisorOptions {
  /** What the threads run; the data plane unless given. */
  readonly entry?: URL;
  readonly base: WorkerBase;
  readonly tables: Tables;
  /** The backends as of now, for a worker that starts. */
  readonly snapshot: () => {
    readonly backends: readonly Backend[];
    readonly pathGroups: readonly PathGroup[];
  };
  readonly onLog: (lines: string) => void;
  readonly onSpans: (spans: WorkerSpans) => void;
  readonly onSticky: (assignments: readonly StickyAssignment[]) => void;
  readonly onEjected: (ejected: WorkerEjected) => void;
  readonly onDecisions: (decisions: readonly Decision[]) => void;
  /** The clock that workers follow. */
  readonly now: () => number;
  readonly log: Logger;
}

export interface Ports {
  readonly port: number;
  /** 0 without a management listener of its own. */
  readonly adminPort: number;
}

/** Pause before the first restart of a worker; doubled with each failure in a row. */
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
/** A worker that lived for this long starts with a clean record. */
const GOOD_LIFE_MS = 60_000;

interface Slot {
  readonly index: number;
  thread: WorkerThread | null;
  startedAtMs: number;
  failures: number;
  restart: ReturnType<typeof setTimeout> | null;
  /** It is to end, and not to be started again. */
  isLeaving: boolean;
}

function newSlot(index: number): Slot {
  return { index, thread: null, startedAtMs: 0, failures: 0, restart: null, isLeaving: false };
}

/** What of {@link WorkerBase} can change while workers serve. */
export type LiveSettings = Omit<WorkerSettings, "type" | "seq">;

/** The data plane as a whole. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  #ports: Ports;
  #seq = 0;
  /** What files held at the start, and hold since they changed. */
  #files: Pick<WorkerBase, "certificates" | "keys">;
  #sampledPerSecond = 0;
  #live: Partial<LiveSettings> = {};
  /** How many are to serve. */
  #wanted: number;
  #isEnding = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { config, workers, certificates, keys } = options.base;
    this.#files = { certificates, keys };
    this.#ports = { port: config.port, adminPort: config.admin_port };
    this.#wanted = workers;
    this.#slots = Array.from({ length: workers }, (_, index) => newSlot(index));
  }

  /** Resolves when every worker listens; throws with the reason when one cannot. */
  async start(): Promise<Ports> {
    const [first, ...others] = this.#slots;
    if (first === undefined) throw new Error("no workers are configured");
    try {
      // The first one finds the port when it is 0; the others then share it.
      const { port, adminPort } = await this.#launch(first).ready;
      this.#ports = { port, adminPort };
      await Promise.all(others.map((slot) => this.#launch(slot).ready));
    } catch (error) {
      this.terminate();
      throw error;
    }
    return this.#ports;
  }

  /** Resolves when every worker has applied the change, or has had two seconds to. */
  publish(update: BackendUpdate): Promise<void> {
    return this.#sendAll({ type: "backend", seq: ++this.#seq, ...update });
  }

  /**
   * Has every worker, now and when it starts again, go by another configuration, and starts or ends workers; resolves
   * as {@link publish} does. A worker that is to end takes no new connections, and ends when the last of its own has.
   */
  async setSettings(settings: LiveSettings): Promise<void> {
    if (this.#isEnding) return;
    this.#live = settings;
    // A worker that starts later must not go by the keys of before.
    this.#files = { ...this.#files, keys: settings.keys };
    this.#wanted = settings.workers;
    await this.#sendAll({ type: "settings", seq: ++this.#seq, ...settings });
    await this.#setWorkers();
  }

  async #sendAll(message: WorkerBackend | WorkerSettings): Promise<void> {
    await Promise.all(
      this.#slots.map(async ({ index, thread }) => {
        if (thread === null || (await thread.send(message))) return;
        this.#options.log.warn("a worker did not confirm a change in time", {
          worker: index,
          what: message.type,
        });
      }),
    );
  }

  async #setWorkers(): Promise<void> {
    // A worker that starts while the others end would take connections only to cut them.
    if (this.#isEnding) return;
    const wanted = this.#wanted;
    const serving = this.#slots.filter((slot) => !slot.isLeaving);
    const surplus = serving.slice(wanted);
    for (const slot of surplus) this.#retire(slot);
    const started: Promise<unknown>[] = [];
    for (let missing = wanted - serving.length; missing > 0; missing--) {
      const slot = this.#freeSlot();
      if (slot === null) {
        this.#options.log.warn("more workers can be started only when some that end have ended", {
          workers: wanted - missing,
        });
        break;
      }
      started.push(this.#launch(slot).ready);
    }
    await Promise.allSettled(started);
  }

  /** Lets a worker finish what it has, however long that takes. */
  #retire(slot: Slot): void {
    slot.isLeaving = true;
    if (slot.restart !== null) clearTimeout(slot.restart);
    slot.restart = null;
    this.#options.log.info("a worker ends when its last connection has", { worker: slot.index });
    const { thread } = slot;
    // The slot may have another thread by then.
    void thread?.drain(Number.POSITIVE_INFINITY).then(() => thread.terminate());
  }

  /** A number that no thread has: the tables have room for so many. */
  #freeSlot(): Slot | null {
    const gone = this.#slots.find((slot) => slot.isLeaving && slot.thread === null);
    if (gone !== undefined) {
      gone.isLeaving = false;
      gone.failures = 0;
      return gone;
    }
    const index = this.#slots.length;
    if (index >= this.#options.tables.backends.workers) return null;
    const slot = newSlot(index);
    this.#slots.push(slot);
    return slot;
  }

  /** Has every worker, now and when it starts again, show these certificates. */
  setCertificates(certificates: CertificateSet): void {
    this.#files = { ...this.#files, certificates };
    for (const { thread } of this.#slots) thread?.tell({ type: "certificates", certificates });
  }

  /** Has every worker, now and when it starts again, accept these keys. */
  setKeys(keys: readonly ApiKey[]): void {
    this.#files = { ...this.#files, keys };
    for (const { thread } of this.#slots) thread?.tell({ type: "keys", keys });
  }

  /** Has every worker, now and when it starts again, tell of so many of its decisions in a second; 0 = of none. */
  sampleDecisions(perSecond: number): void {
    this.#sampledPerSecond = perSecond;
    for (const { thread } of this.#slots) thread?.tell({ type: "sample", perSecond });
  }

  /** Has every worker forget stored responses; the number of them. */
  async purgeCaches(purge: CachePurge): Promise<number> {
    const seq = ++this.#seq;
    const purged = await Promise.all(
      this.#slots.map(async ({ index, thread }) => {
        const entries = (await thread?.askCache({ type: "cache_purge", seq, purge })) ?? null;
        if (typeof entries === "number") return entries;
        this.#options.log.warn("a worker did not confirm a purge in time", { worker: index });
        return 0;
      }),
    );
    return purged.reduce((sum, entries) => sum + entries, 0);
  }

  /** What each worker has stored, as far as it answers in time. */
  async cacheReports(most: number): Promise<CacheReport[]> {
    const seq = ++this.#seq;
    const reports = await Promise.all(
      this.#slots.map(
        async ({ thread }) => (await thread?.askCache({ type: "cache_question", seq, most })) ?? null,
      ),
    );
    return reports.flatMap((report) => (report === null || typeof report === "number" ? [] : [report]));
  }

  /** Closes the listeners and lets requests finish; the number that were cut. */
  async drain(withinMs: number): Promise<number> {
    this.#end();
    const cuts = await Promise.all(
      this.#slots.map(async ({ thread }) => (await thread?.drain(withinMs)) ?? 0),
    );
    this.terminate();
    return cuts.reduce((sum, cut) => sum + cut, 0);
  }

  /** Ends every worker now. */
  terminate(): void {
    this.#end();
    for (const { thread } of this.#slots) thread?.terminate();
  }

  #launch(slot: Slot): WorkerThread {
    const { entry, base, snapshot, now, ...heard } = this.#options;
    const { onLog, onSpans, onSticky, onEjected, onDecisions } = heard;
    slot.startedAtMs = performance.now();
    const thread = new WorkerThread(
      entry ?? WORKER_URL,
      {
        type: "init",
        index: slot.index,
        ...base,
        ...this.#live,
        ...this.#files,
        ...snapshot(),
        ...this.#ports,
      },
      {
        onLog,
        onSpans,
        onSticky,
        onEjected,
        onDecisions,
        now,
        onExit: (reason) => this.#onExit(slot, reason),
      },
    );
    slot.thread = thread;
    if (this.#sampledPerSecond > 0) thread.tell({ type: "sample", perSecond: this.#sampledPerSecond });
    return thread;
  }

  #onExit(slot: Slot, reason: string): void {
    slot.thread = null;
    if (this.#isEnding) return;
    // What it held would else stay taken for ever.
    releaseWorker(this.#options.tables, slot.index);
    if (slot.isLeaving) {
      // There may have been no place for one that is wanted.
      void this.#setWorkers();
      return;
    }
    const hasLived = performance.now() - slot.startedAtMs >= GOOD_LIFE_MS;
    slot.failures = hasLived ? 1 : slot.failures + 1;
    const pauseMs = Math.min(MAX_RESTART_MS, FIRST_RESTART_MS * 2 ** (slot.failures - 1));
    this.#options.log.error("a worker has failed and is started again", {
      worker: slot.index,
      reason,
      in_ms: pauseMs,
    });
    slot.restart = setTimeout(() => {
      slot.restart = null;
      this.#launch(slot).ready.then(
        () => this.#options.log.info("a worker is back", { worker: slot.index }),
        // Told by onExit.
        () => {},
      );
    }, pauseMs);
  }

  #end(): void {
    this.#isEnding = true;
    for (const slot of this.#slots) {
      if (slot.restart !== null) clearTimeout(slot.restart);
      slot.restart = null;
    }
  }
}
