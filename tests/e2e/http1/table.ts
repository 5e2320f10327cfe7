/** Runs rows of obligations by their ids, with kept and with closed backend connections. */
import { afterAll, describe, expect, test } from "bun:test";
import { judge, type Obligation } from "../../conformance/obligation.ts";
import { Stand, UPSTREAMS } from "../../conformance/stand.ts";
import type { Json } from "../../support/json.ts";
import { unexpected } from "./known-failures.ts";

/** Registers a test for each row; one server for each way of the backend's connections serves them all. */
export async function table(config: Json, rows: readonly Obligation[]): Promise<void> {
  const stands = await Promise.all(UPSTREAMS.map((upstream) => Stand.start(upstream, config)));
  afterAll(() => Promise.all(stands.map((stand) => stand[Symbol.asyncDispose]())));

  describe.each(stands.map((stand) => [stand.upstream, stand] as const))(
    "backend connections are %s",
    (_, stand) => {
      test.each(rows.map((row) => [row.id, row.about, row] as const))("%s %s", async (id, _about, row) => {
        const octets = typeof row.send === "string" ? row.send : row.send(stand.facts);
        expect(unexpected(id, judge(row, await stand.run(octets, row)), stand.upstream)).toBeNull();
      });
    },
  );
}
