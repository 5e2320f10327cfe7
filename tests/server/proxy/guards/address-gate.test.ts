import { expect, test } from "bun:test";
import { RawBackend } from "../../../support/raw-backend.ts";
import { call } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

test.each(["http", "https"] as const)(
  "where no %s backend may be nothing is connected to, and another backend takes the request",
  async (scheme) => {
    await using inner = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd()) });
    await using backend = await RawBackend.start();
    // Else the first refusal would be the last: the breaker of the endpoint would open.
    await using cell = await Cell.start({ config: { breaker_enabled: false } });
    const rebound = { host: "localhost", ports: [inner.port], scheme, loopbackAllowed: false };
    const { row } = cell.add({ ...rebound, score: 0 });
    cell.add({ ports: [backend.port], score: 10 });
    for (let round = 0; round < 2; round++) {
      expect((await call({ port: cell.port }, "POST", "/", { body: "x" })).status).toBe(200);
    }
    expect(inner.connections).toHaveLength(0);
    expect(backend.requests).toHaveLength(2);
    expect(cell.tables.backends.inFlight(row)).toBe(0);
    await cell[Symbol.asyncDispose]();
    expect(cell.log).toContain("is a loopback address");
  },
);

test("denied_endpoint_cidrs holds for addresses in use, and for who may use loopback", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start({ config: { denied_endpoint_cidrs: ["127.0.0.0/8"] } });
  cell.add({ ports: [backend.port] });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(502);
  expect(backend.requests).toHaveLength(0);
});

test("a connection made for one backend is not used for another that may not make it", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [backend.port] });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(200);
  cell.add({ ports: [backend.port], loopbackAllowed: false });
  cell.remove(row);
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(502);
});
