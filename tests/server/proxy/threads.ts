/** Several data-plane threads over the same tables, as the server runs them. */
import type { FromWorker, WorkerInit } from "../../../core/plane/messages.ts";
import type { Backend } from "../../../core/plane/snapshot.ts";
import { openTables, type Tables } from "../../../core/table/tables.ts";
import { eventually } from "../../support/eventually.ts";
import { type BackendOptions, backendOf, type CellOptions, cellInit, writeFigures } from "./cell.ts";

interface Thread {
  readonly worker: Worker;
  readonly messages: FromWorker[];
}

export class Threads implements AsyncDisposable {
  readonly port: number;
  readonly tables: Tables;
  readonly #threads: readonly Thread[];

  private constructor(threads: readonly Thread[], port: number, tables: Tables) {
    this.#threads = threads;
    this.port = port;
    this.tables = tables;
  }

  static async start(
    count: number,
    backends: readonly BackendOptions[],
    options: CellOptions = {},
  ): Promise<Threads> {
    const first = cellInit(options, count);
    const tables = openTables(first.tables);
    const known = backends.map((each) => enter(tables, each));
    const threads: Thread[] = [];
    let port = 0;
    for (let index = 0; index < count; index++) {
      const started = await startThread({ ...first, index, backends: known, port });
      port = started.port;
      threads.push(started.thread);
    }
    return new Threads(threads, port, tables);
  }

  /** Lets every thread finish what it has, as at a shutdown. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { worker, messages } of this.#threads) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin
      worker.postMessage({ type: "drain", withinMs: 1000 });
      await eventually("the worker has drained", () =>
        messages.some((message) => message.type === "drained"),
      );
      worker.terminate();
    }
  }
}

async function startThread(init: WorkerInit): Promise<{ thread: Thread; port: number }> {
  const worker = new Worker(new URL("../../../server/proxy/worker.ts", import.meta.url).href);
  const messages: FromWorker[] = [];
  worker.addEventListener("message", (event: MessageEvent<FromWorker>) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin
    if (event.data.type === "time") worker.postMessage({ type: "time", nowMs: Date.now() });
    messages.push(event.data);
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin
  worker.postMessage(init);
  const ready = await eventually("the worker is ready", () =>
    messages.find((message) => message.type === "ready" || message.type === "failed"),
  );
  if (ready.type !== "ready") throw new Error(JSON.stringify(ready));
  return { thread: { worker, messages }, port: ready.port };
}

/** Puts a backend into the tables, as a registration does. */
export function enter(tables: Tables, options: BackendOptions): Backend {
  const claimed = tables.backends.claimRow();
  if (claimed === null) throw new Error("no row");
  writeFigures(tables, claimed.row, options);
  tables.backends.setLimits(claimed.row, options.maxInFlight ?? 0, options.maxConnections ?? 0);
  tables.backends.setEnabled(claimed.row, true);
  return backendOf(options, claimed, 0);
}
