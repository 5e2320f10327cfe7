import { expect, test } from "bun:test";
import { stickyIdOf } from "../../../core/balancing/sticky-id.ts";

const hash = (text: string) => `<${text.length}>`;

test("the header's value names the session, and the address only where it is asked for and there is no value", () => {
  expect(stickyIdOf("s", "192.0.2.1", true, hash)).toBe("s");
  expect(stickyIdOf("s", "192.0.2.1", false, hash)).toBe("s");
  expect(stickyIdOf("", "192.0.2.1", true, hash)).toBe("192.0.2.1");
  expect(stickyIdOf("", "192.0.2.1", false, hash)).toBe("");
});

test("an id of 256 octets stands for itself, a longer one is hashed", () => {
  expect(stickyIdOf("x".repeat(256), "", false, hash)).toBe("x".repeat(256));
  expect(stickyIdOf("x".repeat(257), "", false, hash)).toBe("sha256:<257>");
});
