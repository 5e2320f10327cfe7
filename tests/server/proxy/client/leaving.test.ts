/** Clients that end their stream: what they hold is given back, and what they were answered is not taken away. */
import { expect, test } from "bun:test";
import { eventually } from "../../../support/eventually.ts";
import { RawBackend } from "../../../support/raw-backend.ts";
import { openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

test("a half-closed client that stops reading holds its backend no longer than stream_idle_timeout_seconds", async () => {
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      const body = Buffer.alloc(64 * 1024 * 1024);
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      void wire.send(body).catch(() => {});
      return false;
    },
  });
  await using cell = await Cell.start({ config: { stream_idle_timeout_seconds: 1 } });
  const { row } = cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port });
  client.pause();
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the answer has begun", () => cell.tables.backends.inFlight(row) === 1);
  await eventually("the request has arrived", () => backend.requests.length === 1);
  client.finish();
  await eventually("nothing in flight", () => cell.tables.backends.inFlight(row) === 0);
  expect(cell.tables.backends.leasedCores(row)).toBe(0);
});

test("a client that closes after an early answer of ours has left nothing unfinished", async () => {
  await using cell = await Cell.start();
  await using client = await openClient({ port: cell.port });
  await client.send("POST /?tier=none HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc");
  expect((await client.readResponse()).startLine).toContain("400");
  client.finish();
  await client.readToEnd();
  expect(client.ending).toBe("fin");
  await eventually("the access line", () => cell.log.includes(" 400 "));
  expect(cell.log).toContain("code=unknown_tier");
  expect(cell.log).not.toContain("truncated");
});
