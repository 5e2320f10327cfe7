import { Worker } from "node:worker_threads";
import type { PickerOptions } from "../../../core/balancing/options.ts";
import type { SharedTables } from "../../../core/plane/messages.ts";

export interface HammerStep {
  readonly kind: "fill" | "settle" | "churn" | "sessions" | "lock";
  readonly count: number;
}

export interface HammerTask {
  readonly shared: SharedTables;
  readonly options: PickerOptions;
  readonly worker: number;
  readonly steps: readonly HammerStep[];
  /** Number of the step that may be done, counted from 1. */
  readonly turn: Int32Array;
  readonly lockWord: Int32Array;
  readonly cell: Int32Array;
}

export interface HammerAnswer {
  readonly rows: readonly number[];
  readonly leases: readonly string[];
  /** Invariants that were found broken. */
  readonly faults: number;
}

/** Several threads that do the same steps at the same time over the same tables. */
export class Hammer {
  readonly cell = new Int32Array(new SharedArrayBuffer(64));
  readonly #turn = new Int32Array(new SharedArrayBuffer(64));
  readonly #workers: Worker[];

  constructor(threads: number, shared: SharedTables, options: PickerOptions, steps: readonly HammerStep[]) {
    const lockWord = new Int32Array(new SharedArrayBuffer(64));
    const turn = this.#turn;
    const { cell } = this;
    this.#workers = Array.from({ length: threads }, (_, worker) => {
      const task: HammerTask = { shared, options, worker, steps, turn, lockWord, cell };
      return new Worker(new URL("./hammer-worker.ts", import.meta.url), { workerData: task });
    });
  }

  /** Lets every thread do its next step; the answers are in the order of the threads. */
  async step(): Promise<HammerAnswer[]> {
    const answers = this.#workers.map(
      (worker) =>
        new Promise<HammerAnswer>((resolve, reject) => {
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    );
    Atomics.add(this.#turn, 0, 1);
    Atomics.notify(this.#turn, 0);
    return await Promise.all(answers);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
