/** The time that requests wait for a response's head becomes the latency of their backend. */
import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { answer, RawBackend, type Responder } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

const PLAIN = { retry_attempts: 0, breaker_enabled: false };
const DELAY_MS = 120;

/** Answers late, with a status that the path names. */
const late: Responder = async (request, wire) => {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, DELAY_MS);
  });
  await answer(wire, request.startLine.startsWith("GET /bad") ? 503 : 200, "late");
};

function latencyOf(cell: Cell, row: number): number {
  return cell.tables.backends.columns.balance.latencyMs[row] ?? NaN;
}

test("an answer's delay is known once it begins; one that fails is no better", async () => {
  await using slow = await RawBackend.start({ respond: late });
  await using cell = await Cell.start({ config: PLAIN });
  const { row } = cell.add({ ports: [slow.port] });
  expect(latencyOf(cell, row)).toBe(0);
  await call({ port: cell.port }, "GET", "/");
  const met = latencyOf(cell, row);
  expect(met).toBeGreaterThanOrEqual(DELAY_MS - 1);
  expect(met).toBeLessThan(DELAY_MS + 2000);
  const { balance } = cell.tables.backends.columns;
  balance.latencyMs[row] = 5000;
  await call({ port: cell.port }, "GET", "/bad");
  expect(latencyOf(cell, row)).toBe(5000);
  await call({ port: cell.port }, "GET", "/");
  expect(latencyOf(cell, row)).toBeLessThan(5000);
});

test("a request that waits in vain counts as long as it waited", async () => {
  await using mute = await RawBackend.start({ respond: () => new Promise<void>(() => {}) });
  await using cell = await Cell.start({ config: { ...PLAIN, request_timeout_seconds: 1 } });
  const { row } = cell.add({ ports: [mute.port] });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(504);
  expect(latencyOf(cell, row)).toBeGreaterThanOrEqual(900);
});

test("a body that the client is slow to send is not held against the backend", async () => {
  await using quick = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "ok") });
  await using cell = await Cell.start({ config: PLAIN });
  const { row } = cell.add({ ports: [quick.port] });
  await using client = await openClient({ port: cell.port });
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
  await eventually("the request goes out", () => cell.tables.backends.inFlight(row) === 1);
  await client.send("cd");
  await eventually("the answer is over", () => cell.tables.backends.inFlight(row) === 0);
  expect(latencyOf(cell, row)).toBe(0);
});
