import { expect, test } from "bun:test";
import { isIP } from "node:net";
import { Value } from "@sinclair/typebox/value";
import * as fc from "fast-check";
import { RouteRequestSchema } from "../../../core/wire/route.ts";
import { checkRouteRequest } from "../../../server/proxy/route-request.ts";

const near = (bound: number) =>
  fc.oneof(fc.double({ min: bound - 1, max: bound + 1 }), fc.constantFrom(bound, -bound, bound + 1e-9));
const sized = (bound: number) =>
  fc.integer({ min: bound - 1, max: bound + 1 }).map((size) => "x".repeat(size));

const field = fc.oneof(fc.jsonValue(), fc.string(), sized(64), sized(8192), near(90), near(180));
const body = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      tier: field,
      client_ip: fc.oneof(field, fc.ipV4(), fc.ipV6(), fc.constant("1.2.3.256")),
      client_lat: field,
      client_lon: field,
      path: field,
      other: field,
    },
    { requiredKeys: [] },
  ),
);

/** Beyond the schema, an address must be one. */
function hasAddressOrNone(address: string | undefined): boolean {
  return address === undefined || address === "" || isIP(address) !== 0;
}

test("the hand-written check accepts what the schema accepts, and nothing else", () => {
  fc.assert(
    fc.property(body, (value) => {
      const checked = checkRouteRequest(value);
      expect(checked.ok).toBe(Value.Check(RouteRequestSchema, value) && hasAddressOrNone(value.client_ip));
      if (checked.ok) {
        const known = Object.keys(RouteRequestSchema.properties);
        const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
        const kept = entries.filter(([key]) => known.includes(key));
        expect(checked.request).toEqual(Object.fromEntries(kept));
      } else expect(checked.errors.length).toBeGreaterThan(0);
    }),
    { numRuns: 2000 },
  );
});
