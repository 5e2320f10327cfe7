/** Two public catalogues of HTTP/1.1 cases against the executable, with a well-behaved origin behind it. */
import { afterAll, describe, expect, test } from "bun:test";
import { H1SPEC_CASES, h1spec } from "../../conformance/h1spec.ts";
import { respondAsOrigin } from "../../conformance/origin.ts";
import { PROBE_CASES, probe } from "../../conformance/probe.ts";
import { Behind } from "../../support/behind.ts";
import { TestServer } from "../../support/server.ts";

/** Cases whose strictest reading the catalogue prefers, and why a proxy serves them: "warn" is then right. */
const SERVED: Readonly<Record<string, string>> = {
  "COMP-DUPLICATE-CT": "which type counts is the application's to say; both pass as they came",
  "SMUG-CL-TRAILING-SPACE":
    "blanks around a value are no part of it (RFC 9112 section 5.1); the length is written anew",
  "SMUG-CL-EXTRA-LEADING-SP": "the same",
  "MAL-CL-TAB-BEFORE-VALUE": "the same",
  "MAL-URL-PERCENT-NULL": "targets pass octet by octet; only the backend decodes them",
  "MAL-URL-PERCENT-CRLF": "the same",
};

// Without a limit for bodies, which would answer the case of a gigabyte's length at once.
const server = await TestServer.start({ config: { workers: 1, proxy_max_request_body_bytes: 0 } });
const behind = await Behind.start(server, { respond: respondAsOrigin });
afterAll(async () => {
  await behind[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test("the catalogues are whole", () => {
  expect(PROBE_CASES).toHaveLength(161);
  expect(H1SPEC_CASES).toHaveLength(33);
});

describe("Http11Probe", () => {
  test.each(PROBE_CASES.map((row) => [row.id, row.about, row] as const))("%s %s", async (id, _about, row) => {
    expect(await probe(row, server.port)).toBe(SERVED[id] === undefined ? "pass" : "warn");
  });
});

describe("h1spec", () => {
  test.each(H1SPEC_CASES.map((row) => [row.id, row.about, row] as const))(
    "%s %s",
    async (_id, _about, row) => {
      expect(await h1spec(row, server.port)).toBeNull();
    },
  );
});
