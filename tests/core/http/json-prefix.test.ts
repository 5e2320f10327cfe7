import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type JsonScalar, scanTopLevel } from "../../../core/http/json-prefix.ts";

const NAMES = ["tier", "client_lat", "client_lon"];

function scan(text: string, names: readonly string[] = NAMES): Record<string, JsonScalar> {
  return Object.fromEntries(scanTopLevel(Buffer.from(text, "utf8"), names));
}

describe("members of a JSON object", () => {
  test.each([
    ['{"tier":"lite"}', { tier: "lite" }],
    [
      ' \t\r\n{ "tier" : "lite" , "client_lat" : -1.5e1 , "client_lon":0 } \n',
      { tier: "lite", client_lat: -15, client_lon: 0 },
    ],
    ['{"a":{"tier":"x","b":[{"tier":"]}\\""}]},"tier":"y"}', { tier: "y" }],
    ['{"tier":"a\\"b\\u00e9\\n\u00e9\\\\"}', { tier: 'a"b\u00e9\n\u00e9\\' }],
    ['{"\\u0074ier":"escaped name"}', { tier: "escaped name" }],
    ['{"tier":"first","tier":"last"}', { tier: "last" }],
    ['{"tier":"first","tier":null}', {}],
    ['{"tier":["x"]}', {}],
    ['{"tier":true,"client_lat":1}', { client_lat: 1 }],
    ['{"client_lat":1e999}', {}],
    ['{"Tier":"x"}', {}],
    ["{}", {}],
    [`{"tier":"${"x".repeat(2000)}","client_lat":1}`, { client_lat: 1 }],
  ])("%s", (text, expected) => {
    expect(scan(text)).toEqual(expected);
  });

  test.each([
    "",
    "[]",
    '"tier"',
    "null",
    '{"tier":"x"}}',
    '{"tier":"x"} trailing',
    '{"tier":"x",}',
    '{"tier":"x" "client_lat":1}',
    '{"tier":"x",client_lat:1}',
    '{"tier":"x","a":[}',
    '{"tier":"x","a":01}',
    '{"tier":"x","a":+1}',
    '{"tier":"x","a":.5}',
    '{"tier":"x","a":nul }',
    '{"tier":"x","a":}',
    '{"tier":"x\ny"}',
    '{"tier":"\\x"}',
    '\ufeff{"tier":"x"}',
    `{"tier":"x","a":${"[".repeat(600)}${"]".repeat(600)}}`,
  ])("%j gives none", (text) => {
    expect(scan(text)).toEqual({});
  });

  test("the cut hides what is not complete", () => {
    const text = '{"tier":"lite","client_lat":12.5,"rest":[1,2]}';
    for (let length = 0; length < text.length; length++) {
      const found = scan(text.slice(0, length));
      expect(found.tier).toBe(length >= '{"tier":"lite"'.length ? "lite" : undefined);
      expect(found.client_lat).toBe(length > '{"tier":"lite","client_lat":12.5'.length ? 12.5 : undefined);
    }
  });

  test("agrees with JSON.parse on any document", () => {
    const names = ["a", "tier", "__proto__"];
    const key = fc.oneof(fc.constantFrom(...names), fc.string({ unit: "binary", maxLength: 5 }));
    const document = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
    fc.assert(
      fc.property(document, fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const parsed: unknown = JSON.parse(text);
        const expected = new Map(
          Object.entries(parsed ?? {}).filter(
            ([name, member]) => names.includes(name) && ["string", "number"].includes(typeof member),
          ),
        );
        expect<Map<string, unknown>>(scanTopLevel(Buffer.from(text, "utf8"), names)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test("never throws, whatever the octets", () => {
    const octets = fc.array(fc.constantFrom(...'{}[]",:\\u0truefalsn1-e. \n'.split("")), { maxLength: 60 });
    fc.assert(
      fc.property(octets, (parts) => scanTopLevel(Buffer.from(parts.join("")), NAMES).size <= NAMES.length),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => scanTopLevel(bytes, NAMES).size === 0),
    );
  });
});
