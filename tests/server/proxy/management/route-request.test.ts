import { expect, test } from "bun:test";
import { isIP } from "node:net";
import { Value } from "@sinclair/typebox/value";
import * as fc from "fast-check";
import { type RouteRequest, RouteRequestSchema } from "../../../../core/wire/route.ts";
import { checkRouteRequest } from "../../../../server/proxy/management/route-request.ts";

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
      path: fc.oneof(field, fc.webPath()),
      other: field,
    },
    { requiredKeys: [] },
  ),
);

/** Beyond the schema: an address must be one, a path begin at the root, and a place have both coordinates. */
function isConsistent(request: RouteRequest): boolean {
  const { client_ip: address, path, client_lat: lat, client_lon: lon } = request;
  const hasAddress = address === undefined || address === "" || isIP(address) !== 0;
  const hasPath = path === undefined || path.startsWith("/");
  return hasAddress && hasPath && (lat === undefined) === (lon === undefined);
}

/** Null says as much as nothing. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

test("the hand-written check accepts what the schema accepts, and nothing else", () => {
  fc.assert(
    fc.property(body, (value) => {
      const checked = checkRouteRequest(value);
      const meant = withoutNulls(value);
      expect(checked.ok).toBe(Value.Check(RouteRequestSchema, meant) && isConsistent(meant));
      if (checked.ok) {
        const known = Object.keys(RouteRequestSchema.properties);
        const entries = typeof meant === "object" && meant !== null ? Object.entries(meant) : [];
        const kept = entries.filter(([key]) => known.includes(key));
        expect(checked.request).toEqual(Object.fromEntries(kept));
      } else expect(checked.errors.length).toBeGreaterThan(0);
    }),
    { numRuns: 2000 },
  );
});
