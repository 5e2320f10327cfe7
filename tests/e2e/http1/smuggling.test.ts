/** Requests meant to be read in two ways: each row by its id, sent to a running server. */
import { afterAll, describe, expect, test } from "bun:test";
import { ROWS, ROWS_WITHOUT_LENGTH, type Row, SPLIT_ROWS } from "../../conformance/smuggling-rows.ts";
import { type CaseOptions, Stand, UPSTREAMS } from "../../conformance/stand.ts";
import { judgeRequest } from "../../conformance/verdict.ts";
import { record, records } from "../../support/json.ts";
import { unexpected } from "./known-failures.ts";

test("the table holds every row once", () => {
  expect(ROWS.map((row) => row.id)).toEqual(
    Array.from({ length: 137 }, (_, at) => `S${String(at + 1).padStart(2, "0")}`),
  );
});

const config = { stream_idle_timeout_seconds: 1 };
const stands = await Promise.all(UPSTREAMS.map((upstream) => Stand.start(upstream, config)));
const splitStand = await Stand.start("kept", config);
afterAll(() => Promise.all([...stands, splitStand].map((stand) => stand[Symbol.asyncDispose]())));

describe.each(stands.map((stand) => [stand.upstream, stand] as const))(
  "backend connections are %s",
  (_, stand) => {
    test.each([...ROWS, ...ROWS_WITHOUT_LENGTH].map((row) => [row.id, row.about, row] as const))(
      "%s %s",
      async (id, _about, row) => {
        const verdict = judgeRequest(row, await stand.run(row.octets, optionsOf(row)));
        expect(unexpected(id, verdict)).toBeNull();
      },
    );
  },
);

describe("octet by octet", () => {
  test.each(SPLIT_ROWS.map((row) => [row.id, row.about, row] as const))("%s %s", async (id, _about, row) => {
    const seen = await splitStand.run(row.octets, { ...optionsOf(row), split: true });
    expect(unexpected(`${id} split`, judgeRequest(row, seen))).toBeNull();
  });
});

test.each([...stands, splitStand].map((stand, at) => [at, stand] as const))(
  "C-110, C-111 afterwards server %d holds nothing and has logged one object a line",
  async (_at, { server }) => {
    expect(record((await server.call("GET", "/leases")).json)).toEqual({ total: 0, leases: [] });
    const [backend] = records((await server.call("GET", "/clients")).json);
    expect(backend).toMatchObject({ in_flight: 0, leases: 0 });
    expect(server.logs().length).toBeGreaterThan(0);
    expect(server.child.running).toBe(true);
  },
);

function optionsOf(row: Row): CaseOptions {
  return { halfClose: row.other === "abort" };
}
