import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { REDACTED, redactForm, redactJson, redactQuery, secretTest } from "../../../core/log/redact.ts";

const isSecret = secretTest(["password", "Token"]);

test.each([
  ['{"password":"p","a":1}', '{"password":"***","a":1}'],
  ['{ "PassWord" : "p\\"q" , "a":1}', '{ "PassWord" : "***" , "a":1}'],
  ['{"a":{"token":{"b":[1,{"c":"}"}]}},"d":2}', '{"a":{"token":"***"},"d":2}'],
  ['{"token":12.5e3}', '{"token":"***"}'],
  ['{"token":null,"x":true}', '{"token":"***","x":true}'],
  ['[{"token":[]},{"token":{}}]', '[{"token":"***"},{"token":"***"}]'],
  ['{"p\\u0061ssword":"p"}', '{"p\\u0061ssword":"***"}'],
  ['{"a":"password","b":"x"}', '{"a":"password","b":"x"}'],
  ['{"a":"\\"password\\":1"}', '{"a":"\\"password\\":1"}'],
  // Cut off: in the value, in the name, before the value.
  ['{"password":"secre', '{"password":"***"'],
  ['{"a":1,"token":{"b":"x', '{"a":1,"token":"***"'],
  ['{"a":1,"passwo', '{"a":1,"passwo'],
  ['{"password":', '{"password":"***"'],
  ['{"token":1}\n{"token":2}', '{"token":"***"}\n{"token":"***"}'],
  ["", ""],
])("%s", (text, expected) => {
  expect(redactJson(text, isSecret)).toBe(expected);
});

/** The same on the value. */
function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => redacted(each));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, isSecret(key) ? REDACTED : redacted(each)]),
  );
}

const key = fc.oneof(fc.constantFrom("password", "TOKEN", "a"), fc.string());
const anyJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary" }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test("property: what is left is the same text without the secrets", () => {
  fc.assert(
    fc.property(anyJson, fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(JSON.parse(redactJson(text, isSecret))).toEqual(redacted(JSON.parse(text)));
    }),
  );
});

test("property: nothing of a secret is left, wherever the text is cut off", () => {
  fc.assert(
    fc.property(fc.nat(), anyJson, (cut, other) => {
      const secret = { deep: ["QqQ", { QqQ: "QqQ" }], n: "QqQ" };
      const text = JSON.stringify({ other, password: "QqQ", list: [{ token: secret }], end: 1 });
      expect(redactJson(text.slice(0, cut % (text.length + 1)), isSecret)).not.toContain("Qq");
    }),
  );
});

test("forms and queries", () => {
  expect(redactForm("a=1&password=p%20q&token&TOKEN=", isSecret)).toBe("a=1&password=***&token&TOKEN=***");
  expect(redactForm("p%61ssword=x", isSecret)).toBe("p%61ssword=***");
  expect(redactQuery("/a/token=1?token=2&b=3", isSecret)).toBe("/a/token=1?token=***&b=3");
  expect(redactQuery("/a", isSecret)).toBe("/a");
});
