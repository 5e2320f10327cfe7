import { expect, test } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import { header } from "../../support/http-message.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { openClient } from "../../support/raw-client.ts";
import { Cell } from "./cell.ts";

const GET = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";

test("draining closes what is idle, lets requests finish, and then says so", async () => {
  const finish = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await finish.promise;
      await answer(wire, 200, "finished");
    },
  });
  const cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  await using idle = await openClient({ port: cell.port });
  await using busy = await openClient({ port: cell.port });
  await busy.send(GET);
  await eventually("the request has arrived", () => backend.requests.length === 1);
  cell.drain(10_000);
  await idle.readToEnd();
  expect(openClient({ port: cell.port })).rejects.toThrow();
  expect(cell.messages.some((message) => message.type === "drained")).toBe(false);
  finish.resolve();
  const got = await busy.readResponse();
  expect(got.body.toString()).toBe("finished");
  expect(header(got, "Connection")).toBe("close");
  const drained = await eventually("drained", () =>
    cell.messages.find((message) => message.type === "drained"),
  );
  expect(drained).toEqual({ type: "drained", cut: 0 });
});

test("at the deadline what is left is cut and counted", async () => {
  await using backend = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd()) });
  const cell = await Cell.start();
  const { row } = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  await client.send(GET);
  await eventually("the request has arrived", () => backend.connections.length === 1);
  cell.drain(0);
  const drained = await eventually("drained", () =>
    cell.messages.find((message) => message.type === "drained"),
  );
  expect(drained).toEqual({ type: "drained", cut: 1 });
  await client.readToEnd();
  expect(cell.tables.backends.inFlight(row)).toBe(0);
});
