/** One data-plane thread, from its start to its end, as the control plane sees it. */
import type { CacheReport } from "../../../core/plane/cache.ts";
import type {
  FromWorker,
  StickyAssignment,
  ToWorker,
  WorkerBackend,
  WorkerCachePurge,
  WorkerCacheQuestion,
  WorkerCertificates,
  WorkerEjected,
  WorkerInit,
  WorkerKeys,
  WorkerReady,
  WorkerSample,
  WorkerSettings,
  WorkerSpans,
} from "../../../core/plane/messages.ts";
import type { Decision } from "../../../core/wire/console.ts";

/** What a thread tells beside the answers to its caller. */
export interface ThreadEvents {
  readonly onLog: (lines: string) => void;
  readonly onSticky: (assignments: readonly StickyAssignment[]) => void;
  readonly onSpans: (spans: WorkerSpans) => void;
  readonly onEjected: (ejected: WorkerEjected) => void;
  readonly onDecisions: (decisions: readonly Decision[]) => void;
  /** What a thread is told that asks for the time. */
  readonly now: () => number;
  /** Called once, when the thread has ended, for whatever reason. */
  readonly onExit: (reason: string) => void;
}

/** The number of responses that were purged, or what is stored. */
export type CacheAnswer = number | CacheReport;

/** A worker that does not answer in this time goes on without: the caller is told. */
const ACK_TIMEOUT_MS = 2_000;
/** A worker that reported its end is ended by force after this. */
const EXIT_GRACE_MS = 1_000;

/** Where the entry of workers is: beside us, or inside the executable (see the build command in tools/build). */
export const WORKER_URL: URL = Bun.isStandaloneExecutable
  ? new URL("./server/proxy/worker.js", import.meta.url)
  : new URL("../../proxy/worker.ts", import.meta.url);

/** Starts a thread and speaks with it. */
export class WorkerThread {
  /** Settles with the bound ports, or rejects with the reason why the thread cannot serve. */
  readonly ready: Promise<WorkerReady>;
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #acks = new Map<number, (isAcked: boolean) => void>();
  readonly #settleReady: { resolve: (ready: WorkerReady) => void; reject: (reason: Error) => void };
  readonly #cacheAnswers = new Map<number, (answer: CacheAnswer | null) => void>();
  #onDrained: (cut: number) => void = () => {};
  #reason = "it ended";
  #hasExited = false;

  constructor(entry: URL, init: WorkerInit, events: ThreadEvents) {
    const { promise, resolve, reject } = Promise.withResolvers<WorkerReady>();
    this.ready = promise;
    // Whoever starts the thread awaits this; a rejection that comes later is told by onExit.
    promise.catch(() => {});
    this.#settleReady = { resolve, reject };
    this.#events = events;
    this.#worker = new Worker(entry.href, { name: `opsen-worker-${init.index}` });
    // Workers send nothing but FromWorker.
    this.#worker.addEventListener("message", (event: MessageEvent<FromWorker>) => this.#receive(event.data));
    this.#worker.addEventListener("error", (event) => this.#fail(event.message));
    this.#worker.addEventListener("close", () => this.#exit());
    this.#post(init);
  }

  /** Sends a change; false when the thread did not confirm it in time. */
  async send(update: WorkerBackend | WorkerSettings): Promise<boolean> {
    if (this.#hasExited) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, ACK_TIMEOUT_MS, false);
    this.#acks.set(update.seq, resolve);
    this.#post(update);
    const isAcked = await promise;
    clearTimeout(timer);
    this.#acks.delete(update.seq);
    return isAcked;
  }

  /** Sends a message that needs no answer. */
  tell(message: WorkerCertificates | WorkerKeys | WorkerSample): void {
    if (!this.#hasExited) this.#post(message);
  }

  /** Asks about the cache; null when the thread has ended or does not answer in time. */
  async askCache(question: WorkerCachePurge | WorkerCacheQuestion): Promise<CacheAnswer | null> {
    if (this.#hasExited) return null;
    const { promise, resolve } = Promise.withResolvers<CacheAnswer | null>();
    const timer = setTimeout(resolve, ACK_TIMEOUT_MS, null);
    this.#cacheAnswers.set(question.seq, resolve);
    this.#post(question);
    const answer = await promise;
    clearTimeout(timer);
    this.#cacheAnswers.delete(question.seq);
    return answer;
  }

  /** Lets requests in flight finish, for ever if need be (Infinity); the number that were cut. */
  async drain(withinMs: number): Promise<number> {
    if (this.#hasExited) return 0;
    const { promise, resolve } = Promise.withResolvers<number>();
    const isBounded = Number.isFinite(withinMs);
    const timer = isBounded ? setTimeout(resolve, withinMs + ACK_TIMEOUT_MS, 0) : null;
    const onEarlier = this.#onDrained;
    this.#onDrained = (cut) => {
      onEarlier(cut);
      resolve(cut);
    };
    this.#post({ type: "drain", withinMs });
    const cut = await promise;
    if (timer !== null) clearTimeout(timer);
    return cut;
  }

  /** Ends the thread now. */
  terminate(): void {
    this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin, windows do
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#settleReady.resolve(message);
        return;
      case "ack":
        this.#acks.get(message.seq)?.(true);
        return;
      case "cache_purged":
        this.#cacheAnswers.get(message.seq)?.(message.entries);
        return;
      case "cache_report":
        this.#cacheAnswers.get(message.seq)?.(message.report);
        return;
      case "failed":
        this.#fail(message.reason);
        return;
      case "sticky":
        this.#events.onSticky(message.assignments);
        return;
      case "log":
        this.#events.onLog(message.lines);
        return;
      case "spans":
        this.#events.onSpans(message);
        return;
      case "ejected":
        this.#events.onEjected(message);
        return;
      case "decisions":
        this.#events.onDecisions(message.decisions);
        return;
      case "time":
        this.#post({ type: "time", nowMs: this.#events.now() });
        return;
      case "drained":
        this.#onDrained(message.cut);
        return;
    }
  }

  #fail(reason: string): void {
    this.#reason = reason;
    this.#settleReady.reject(new Error(reason));
    this.#worker.terminate();
    // The thread may be past telling that it has ended.
    setTimeout(() => this.#exit(), EXIT_GRACE_MS).unref();
  }

  #exit(): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#settleReady.reject(new Error(this.#reason));
    for (const settle of this.#acks.values()) settle(true);
    for (const settle of this.#cacheAnswers.values()) settle(null);
    this.#onDrained(0);
    this.#events.onExit(this.#reason);
  }
}
