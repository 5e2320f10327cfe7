import { expect, test } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { openClient } from "../../support/raw-client.ts";
import { Threads } from "./threads.ts";

const WORKERS = 4;
const ROOM = 7;
const REQUESTS = 60;

test("with room for K, several workers admit exactly K of many simultaneous requests", async () => {
  const finish = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await finish.promise;
      await answer(wire, 200, "done");
    },
  });
  await using threads = await Threads.start(WORKERS, [{ ports: [backend.port], cores: ROOM }]);
  const { tables, port } = threads;
  const row = 0;
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
  expect(tables.backends.leasedCores(row)).toBe(ROOM);
  finish.resolve();
  expect((await statuses).filter((status) => status === "200")).toHaveLength(ROOM);
  await eventually("everything is given back", () => tables.backends.leasedCores(row) === 0);
  expect(tables.backends.inFlight(row)).toBe(0);
  // Counted when the answer has gone, in the thread that gave it: the client may know before.
  await eventually("all are counted", () => tables.counters.sum("requests") === REQUESTS);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});
