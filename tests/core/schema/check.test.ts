import { describe, expect, test } from "bun:test";
import { FormatRegistry, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import * as fc from "fast-check";
import { check, MAX_FAULTS, pathText } from "../../../core/schema/check.ts";
import { FORMATS } from "../../../core/schema/formats.ts";
import { showGot } from "../../../core/schema/rule.ts";
import { editDistance, nearest } from "../../../core/schema/suggest.ts";
import { RegistrationSchema } from "../../../core/wire/registration.ts";
import { ReportSchema } from "../../../core/wire/report.ts";
import { RouteRequestSchema } from "../../../core/wire/route.ts";

function faults(schema: typeof RegistrationSchema | typeof ReportSchema, value: unknown): string[] {
  return check(schema, value).map(({ path, rule, got }) => `${pathText(path)} ${rule}, got ${showGot(got)}`);
}

test("faults inside lists, objects and unions name the inner field, all at once", () => {
  const value = {
    client_id: "a b",
    cpu_usage_avg: [1, 101, Number.NaN],
    gpus: [{ device_id: 0 }, { device_id: -1, utilization_pct: "50" }, {}],
    memory_total_gb: Number.POSITIVE_INFINITY,
    something_new: 1,
  };
  expect(faults(ReportSchema, value)).toEqual([
    'client_id must be 1 to 128 letters, digits or . _ : @ + ~ -, but not purge, purge-pending, . or .., got "a b"',
    "cpu_usage_avg[1] must be a number from 0 to 100, got 101",
    "cpu_usage_avg[2] must be a number from 0 to 100, got NaN",
    "gpus[1].device_id must be a whole number from 0 to 1023, got -1",
    'gpus[1].utilization_pct must be a number from 0 to 100, got "50"',
    "gpus[2].device_id must be a whole number from 0 to 1023, got null",
    "memory_total_gb must be a number from 0 to 1000000000, got Infinity",
    ...["memory_used_gb", "memory_avail_gb", "disk_total_gb", "disk_used_gb", "disk_avail_gb"].map(
      (field) => `${field} must be a number from 0 to 1000000000, got null`,
    ),
  ]);
});

test("a list of the wrong length, a wrong kind and the wrong top", () => {
  expect(
    faults(RegistrationSchema, { client_id: "a", gpu_models: Array(33).fill("x"), endpoints: "x" }),
  ).toEqual([
    "gpu_models must be a list of at most 32, got a list of 33",
    'endpoints must be a list of at most 64, got "x"',
  ]);
  expect(faults(RegistrationSchema, [])).toEqual([" must be an object (keys and values), got a list of 0"]);
  expect(faults(RegistrationSchema, null)).toEqual([" must be an object (keys and values), got null"]);
});

test("the number of faults is bounded", () => {
  expect(check(ReportSchema, { client_id: "a", cpu_usage_avg: Array(4096).fill(-1) })).toHaveLength(
    MAX_FAULTS,
  );
});

describe("agrees with TypeBox on what is right", () => {
  for (const [name, { test: fits }] of Object.entries(FORMATS)) FormatRegistry.Set(name, fits);
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      "",
      "a",
      "x".repeat(300),
      0,
      -1,
      1.5,
      50,
      101,
      1e10,
      true,
      Number.NaN,
      Infinity,
    ),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const gpu = fc.dictionary(fc.constantFrom("device_id", "name", "utilization_pct", "other"), leaf);
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.array(gpu, { maxLength: 3 }));
  test.each([
    ["report", ReportSchema],
    ["registration", RegistrationSchema],
    ["route", RouteRequestSchema],
  ] as const)("%s", (_name, schema) => {
    const body = fc.dictionary(fc.constantFrom(...Object.keys(schema.properties)), value, { maxKeys: 4 });
    const complete = body.map((fields) => ({ client_id: "a", ...fields }));
    fc.assert(
      fc.property(fc.oneof(body, complete), (candidate) => {
        expect(check(schema, candidate).length === 0).toBe(Value.Check(schema, candidate));
      }),
      { numRuns: 1000 },
    );
  });
});

test("closed objects report unknown keys with what is known", () => {
  const schema = Type.Object({ one: Type.Optional(Type.Null()) }, { additionalProperties: false });
  expect(check(schema, { two: 2 })).toMatchObject([{ path: ["two"], kind: "unknown", known: ["one"] }]);
});

describe("suggestions", () => {
  test("edit distance is a metric on words, one for each slip", () => {
    expect(editDistance("port", "port")).toBe(0);
    expect(editDistance("prot", "port")).toBe(1);
    expect(editDistance("por", "port")).toBe(1);
    expect(editDistance("", "port")).toBe(4);
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });

  test("only what is near is offered", () => {
    expect(nearest("tier_feild_name", ["tiers", "tier_field_name"])).toBe("tier_field_name");
    expect(nearest("xyzzy", ["port", "host"])).toBeNull();
    expect(nearest("p".repeat(101), ["port"])).toBeNull();
  });
});
