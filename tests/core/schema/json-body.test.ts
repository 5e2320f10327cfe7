import { expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import * as fc from "fast-check";
import { readJsonBody } from "../../../core/schema/json-body.ts";
import { ReportSchema } from "../../../core/wire/report.ts";
import { RouteRequestSchema } from "../../../core/wire/route.ts";

function read(text: string): ReturnType<typeof readJsonBody<typeof RouteRequestSchema>> {
  return readJsonBody(new TextEncoder().encode(text), RouteRequestSchema);
}

test("a body that fits is given back, unknown fields included", () => {
  expect(read('{"tier":"lite","colour":"green"}')).toEqual({
    ok: true,
    value: { tier: "lite", colour: "green" } as object,
  });
});

test("wrong fields are all named, the first also in the detail", () => {
  expect(read('{"tier":1,"client_lat":1e999}')).toEqual({
    ok: false,
    detail: "tier must be text of at most 64 characters (and 1 more, see errors).",
    errors: [
      { field: "tier", rule: "must be text of at most 64 characters", got: 1 },
      { field: "client_lat", rule: "must be a number from -90 to 90", got: "Infinity" },
    ],
    sound: {},
  });
});

test("what is null counts as absent, but keeps its place in a list", () => {
  expect(read('{"tier":null,"client_lat":null,"path":"/a"}')).toEqual({ ok: true, value: { path: "/a" } });
  const list = readJsonBody(
    new TextEncoder().encode('{"list":[1,null],"inner":{"a":null}}'),
    Type.Object({ list: Type.Array(Type.Number()), inner: Type.Object({ a: Type.Optional(Type.Number()) }) }),
  );
  expect(list).toMatchObject({ ok: false, errors: [{ field: "list[1]", got: null }] });
});

test("a syntax fault is placed", () => {
  expect(read('{"client_lat":NaN}')).toEqual({
    ok: false,
    detail: "The body is not valid JSON: NaN is not a JSON value (line 1, column 15, in client_lat).",
    errors: [{ field: "client_lat", rule: "must be JSON: NaN is not a JSON value", got: null }],
    sound: {},
  });
});

test("in a very large text the place is not looked for", () => {
  expect(read(`["${"x".repeat(2_000_000)}", NaN]`)).toEqual({
    ok: false,
    detail: "The body is not valid JSON.",
    errors: [],
    sound: {},
  });
});

test("no bytes make it throw, and what it says is bounded", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      (bytes) => {
        const body = readJsonBody(bytes, ReportSchema);
        if (!body.ok) expect(JSON.stringify(body).length).toBeLessThan(20_000);
      },
    ),
    { numRuns: 500 },
  );
});
