import { expect, test } from "bun:test";
import { takeCookie } from "../../../core/http/cookie-field.ts";
import { type ForwardContext, passesToBackend } from "../../../core/http/forward-request.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import { seeded } from "../../support/seeded.ts";
import { request } from "./support.ts";

const NAME = Buffer.from("lb");
const FORWARD: ForwardContext = {
  authority: "b",
  basePath: "",
  preserveHost: false,
  clientIp: "192.0.2.7",
  forwardedFor: "192.0.2.7",
  proto: "http",
  forwardedHost: "",
  forwarded: "",
  clientSubject: "",
  passesCertificates: false,
  close: false,
  requestId: "",
  viaName: "opsen-1",
  lbClientId: "",
  lbHostname: "",
  dropHeader: "",
  upgrade: "",
  forwardExpect: false,
  extra: [],
};

function parse(...lines: readonly string[]): RequestHead {
  return request(`GET / HTTP/1.1\r\n${["Host: t", ...lines, "X-Last: 1"].join("\r\n")}\r\n\r\n`);
}

/** The Cookie fields that a backend gets. */
function passed(head: RequestHead): string[] {
  const indexes = Array.from({ length: head.count }, (_, index) => index);
  return indexes
    .filter((index) => head.name(index).toLowerCase() === "cookie" && passesToBackend(head, index, FORWARD))
    .map((index) => head.value(index));
}

test.each([
  ["lb=x", "x", []],
  ["lb=x; a=1", "x", ["a=1"]],
  ["a=1; lb=x", "x", ["a=1"]],
  ["a=1; lb=x; b=2", "x", ["a=1; b=2"]],
  ["a=1;lb=x;b=2", "x", ["a=1;b=2"]],
  ["lb=x; a=1; lb=y; b=2; lb=z", "x", ["a=1; b=2"]],
  ["lb=x;", "x", []],
  ["lb=", "", []],
  ["lb=a=b", "a=b", []],
  ["lb = x", "", ["lb = x"]],
  ["LB=x; a=lb", "", ["LB=x; a=lb"]],
  ["alb=x; lbb=y; lb", "", ["alb=x; lbb=y; lb"]],
  ['a="1;lb=x', "x", ['a="1']],
  ["a=\xe9\x80; lb=x; b=\xff", "x", ["a=\xe9\x80; b=\xff"]],
  [";; lb=x;; a", "x", ["a"]],
  ["", "", [""]],
])("Cookie: %s", (field, value, rest) => {
  const head = parse(`Cookie: ${field}`);
  expect(takeCookie(head, NAME)).toBe(value);
  expect(passed(head)).toEqual(rest);
  // Once taken it is gone, and the lines around it are what they were.
  expect(takeCookie(head, NAME)).toBe("");
  expect([head.get("host"), head.get("x-last")]).toEqual(["t", "1"]);
});

test("several fields are looked through, and the first value counts", () => {
  const head = parse("Cookie: a=1", "cookie: lb=x", "COOKIE: lb=y; b=2");
  expect(takeCookie(head, NAME)).toBe("x");
  expect(passed(head)).toEqual(["a=1", "b=2"]);
});

test("whatever else a client has set arrives byte for byte and in order", () => {
  const random = seeded(11);
  const names = ["a", "lb", "lbx", "xlb", "session", "LB"];
  for (let round = 0; round < 2000; round++) {
    const pairs = Array.from({ length: random.below(8) }, () => {
      const value = random.bytes(random.below(12)).toString("base64url");
      return `${random.pick(names)}=${value}`;
    });
    const head = parse(`Cookie: ${pairs.join("; ")}`);
    const ours = pairs.filter((pair) => pair.startsWith("lb="));
    const others = pairs.filter((pair) => !pair.startsWith("lb="));
    expect(takeCookie(head, NAME)).toBe(ours[0]?.slice(3) ?? "");
    expect(passed(head)).toEqual(others.length > 0 || ours.length === 0 ? [others.join("; ")] : []);
  }
});
