import { expect, test } from "bun:test";
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
    { tier: field, client_ip: field, client_lat: field, client_lon: field, path: field, other: field },
    { requiredKeys: [] },
  ),
);

test("the hand-written check accepts what the schema accepts, and nothing else", () => {
  fc.assert(
    fc.property(body, (value) => {
      const checked = checkRouteRequest(value);
      expect(checked.ok).toBe(Value.Check(RouteRequestSchema, value));
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
