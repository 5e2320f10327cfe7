import { expect, test } from "bun:test";
import type { FromWorker, WorkerInit } from "../../../core/plane/messages.ts";
import { openTables } from "../../../core/table/tables.ts";
import { eventually } from "../../support/eventually.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { openClient } from "../../support/raw-client.ts";
import { backendOf, cellInit, writeFigures } from "./cell.ts";

const WORKERS = 4;
const ROOM = 7;
const REQUESTS = 60;

interface Thread {
  readonly worker: Worker;
  readonly messages: FromWorker[];
}

async function startThread(init: WorkerInit): Promise<{ thread: Thread; port: number }> {
  const worker = new Worker(new URL("../../../server/proxy/worker.ts", import.meta.url).href);
  const messages: FromWorker[] = [];
  worker.addEventListener("message", (event: MessageEvent<FromWorker>) => messages.push(event.data));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin
  worker.postMessage(init);
  const ready = await eventually("the worker is ready", () =>
    messages.find((message) => message.type === "ready" || message.type === "failed"),
  );
  if (ready.type !== "ready") throw new Error(JSON.stringify(ready));
  return { thread: { worker, messages }, port: ready.port };
}

test("with room for K, several workers admit exactly K of many simultaneous requests", async () => {
  const finish = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await finish.promise;
      await answer(wire, 200, "done");
    },
  });
  const first = cellInit({}, WORKERS);
  const tables = openTables(first.tables);
  const claimed = tables.backends.claimRow();
  if (claimed === null) throw new Error("no row");
  const options = { ports: [backend.port], cores: ROOM };
  const backends = [backendOf(options, claimed, 0)];
  writeFigures(tables, claimed.row, options);
  tables.backends.setEnabled(claimed.row, true);
  const threads: Thread[] = [];
  let port = 0;
  for (let index = 0; index < WORKERS; index++) {
    const started = await startThread({ ...first, index, backends, port });
    port = started.port;
    threads.push(started.thread);
  }
  const clients = await Promise.all(Array.from({ length: REQUESTS }, () => openClient({ port })));
  await Promise.all(clients.map((client) => client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")));
  const answers = clients.map(async (client) => (await client.readResponse()).startLine.split(" ")[1]);
  let refused = 0;
  const statuses = Promise.all(
    answers.map(async (status) => {
      const got = await status;
      if (got === "503") refused++;
      return got;
    }),
  );
  await eventually("all others are refused", () => refused === REQUESTS - ROOM);
  expect(tables.backends.leasedCores(claimed.row)).toBe(ROOM);
  finish.resolve();
  expect((await statuses).filter((status) => status === "200")).toHaveLength(ROOM);
  await eventually("everything is given back", () => tables.backends.leasedCores(claimed.row) === 0);
  expect(tables.backends.inFlight(claimed.row)).toBe(0);
  // Counted when the answer has gone, in the thread that gave it: the client may know before.
  await eventually("all are counted", () => tables.counters.sum("requests") === REQUESTS);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  for (const { worker, messages } of threads) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin
    worker.postMessage({ type: "drain", withinMs: 1000 });
    await eventually("the worker has drained", () => messages.some((message) => message.type === "drained"));
    worker.terminate();
  }
});
