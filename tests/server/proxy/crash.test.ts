import { expect, test } from "bun:test";
import type { LogData } from "../../../core/log/format.ts";
import { openTables } from "../../../core/table/tables.ts";
import { Supervisor } from "../../../server/control/workers/supervisor.ts";
import { eventually } from "../../support/eventually.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { call, openClient } from "../../support/raw-client.ts";
import type { Wire } from "../../support/wire.ts";
import { cellInit } from "./cell.ts";
import { enter } from "./threads.ts";

const CLIENTS = 24;

test("a worker that crashes takes its own connections along and nothing else, and is back at once", async () => {
  const gate = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await gate.promise;
      return answer(wire, 200, "ok");
    },
  });
  const { type: _type, index: _index, backends: _backends, pathGroups, ...base } = cellInit({}, 2);
  const tables = openTables(base.tables);
  const known = enter(tables, { ports: [backend.port] });
  const said: { message: string; data: LogData | undefined }[] = [];
  const note = (message: string, data?: LogData): void => void said.push({ message, data });
  const supervisor = new Supervisor({
    entry: new URL("./crashing-worker.ts", import.meta.url),
    base,
    tables,
    snapshot: () => ({ backends: [known], pathGroups }),
    onLog: () => {},
    onSpans: () => {},
    onSticky: () => {},
    onEjected: () => {},
    onDecisions: () => {},
    now: Date.now,
    log: { debug: note, info: note, warn: note, error: note },
  });
  const { port } = await supervisor.start();
  const clients: Wire[] = [];
  for (let at = 0; at < CLIENTS; at++) {
    const client = await openClient({ port });
    clients.push(client);
    await client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
  }
  await eventually("all are waiting for the backend", () => backend.requests.length === CLIENTS);
  expect(tables.backends.inFlight(known.row)).toBe(CLIENTS);

  const claimed = tables.backends.claimRow();
  if (claimed === null) throw new Error("no row");
  const crash = { ...known, ...claimed, clientId: "crash", endpoints: [] };
  await supervisor.publish({ row: claimed.row, backend: crash, newPathGroups: { index: 1, groups: [] } });
  await eventually("the worker is back", () => said.some(({ message }) => message === "a worker is back"));
  const told = said.find(({ message }) => message === "a worker has failed and is started again");
  expect(told?.data?.worker).toBe(0);
  expect(String(told?.data?.reason)).toContain("a mistake in a worker");

  gate.resolve();
  const fates = await Promise.all(
    clients.map((client) =>
      client.readResponse().then(
        () => "answered",
        () => "cut",
      ),
    ),
  );
  expect(new Set(fates)).toEqual(new Set(["answered", "cut"]));
  for (let count = 0; count < CLIENTS; count++) {
    expect((await call({ port }, "GET", "/x")).status).toBe(200);
  }
  // What the dead worker held is given back, or else the backend would be full for ever.
  await eventually("nothing is held", () => tables.backends.inFlight(known.row) === 0);
  expect(tables.leases.used).toBe(0);
  for (const client of clients) await client[Symbol.asyncDispose]();
  await supervisor.drain(100);
}, 20_000);
