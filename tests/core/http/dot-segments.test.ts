import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { hasDotSegment } from "../../../core/http/dot-segments.ts";

const HIDDEN = ["/api/../x", "/..", "/.", "/a/./b", "/a/%2e%2E/b", "/a/.%2e", "/a%2f..%2fb", "/a%5C..%5cb"];
const PLAIN = [
  "/",
  "/a.b",
  "/...",
  "/.well-known/x",
  "/a..b/c",
  "/%2e%2e%2e",
  "/%2ea",
  "/a%2fb",
  "/x/.a/..b",
];

for (const path of HIDDEN) {
  test(`${path} has a dot segment`, () => {
    expect(hasDotSegment(path)).toBeTrue();
  });
}

for (const path of PLAIN) {
  test(`${path} has none`, () => {
    expect(hasDotSegment(path)).toBeFalse();
  });
}

test("a path has a dot segment just if resolving it as a URL shortens it", () => {
  const segment = fc.constantFrom("a", ".", "..", "%2e", ".%2E", "...", "b.c", "%2ex");
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
      const path = `/${segments.join("/")}`;
      expect(hasDotSegment(path)).toBe(new URL(`http://t${path}`).pathname !== path);
    }),
  );
});
