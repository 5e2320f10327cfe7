import { expect, test } from "bun:test";
import { CidrSet } from "../../../core/http/cidr.ts";
import { clientAddress } from "../../../core/http/forwarded.ts";

const TRUSTED = new CidrSet(["10.0.0.0/8", "2001:db8::/32"]);

/** Peer, X-Forwarded-For, X-Real-IP, and the client that they mean. */
const CASES: readonly (readonly [string, string | null, string | null, string])[] = [
  ["192.0.2.1", null, null, "192.0.2.1"],
  ["192.0.2.1", "203.0.113.5", "203.0.113.6", "192.0.2.1"],
  ["::ffff:192.0.2.1", "203.0.113.5", null, "192.0.2.1"],
  ["10.0.0.1", "203.0.113.5", null, "203.0.113.5"],
  ["::ffff:10.0.0.1", "203.0.113.5", null, "203.0.113.5"],
  ["10.0.0.1", "1.1.1.1, 203.0.113.5", null, "203.0.113.5"],
  ["10.0.0.1", "1.1.1.1,203.0.113.5 , 10.9.9.9", null, "203.0.113.5"],
  ["10.0.0.1", "10.1.1.1, 10.2.2.2", null, "10.1.1.1"],
  ["10.0.0.1", "203.0.113.5, unknown, 10.2.2.2", null, "10.2.2.2"],
  ["10.0.0.1", "203.0.113.5, garbage", null, "10.0.0.1"],
  ["10.0.0.1", "203.0.113.5,", null, "10.0.0.1"],
  ["10.0.0.1", ",203.0.113.5", null, "203.0.113.5"],
  ["10.0.0.1", "203.0.113.5:1234", null, "10.0.0.1"],
  ["10.0.0.1", "[2001:db9::1]", null, "10.0.0.1"],
  ["10.0.0.1", "010.0.0.1", null, "10.0.0.1"],
  ["10.0.0.1", "fe80::1%eth0", null, "10.0.0.1"],
  ["10.0.0.1", "2001:DB9::1, 2001:db8::5", null, "2001:db9::1"],
  ["2001:db8::9", "::ffff:203.0.113.5", null, "203.0.113.5"],
  ["10.0.0.1", null, "203.0.113.6", "203.0.113.6"],
  ["10.0.0.1", null, " 203.0.113.6 ", "203.0.113.6"],
  ["10.0.0.1", null, "nonsense", "10.0.0.1"],
  ["10.0.0.1", "203.0.113.5", "203.0.113.6", "203.0.113.5"],
  ["unix", "203.0.113.5", null, "unix"],
];

test.each(CASES)("peer %s, X-Forwarded-For %p, X-Real-IP %p: %s", (peer, forwardedFor, realIp, expected) => {
  expect(clientAddress(peer, forwardedFor, realIp, TRUSTED).ip).toBe(expected);
});

test("C-25, C-26: the chain starts afresh unless the peer is trusted", () => {
  expect(clientAddress("192.0.2.1", "6.6.6.6", null, TRUSTED)).toEqual({
    peer: "192.0.2.1",
    ip: "192.0.2.1",
    chain: "192.0.2.1",
    trustedPeer: false,
  });
  expect(clientAddress("10.0.0.1", "a, 6.6.6.6", null, TRUSTED)).toEqual({
    peer: "10.0.0.1",
    ip: "6.6.6.6",
    chain: "a, 6.6.6.6, 10.0.0.1",
    trustedPeer: true,
  });
  expect(clientAddress("10.0.0.1", null, "6.6.6.6", TRUSTED).chain).toBe("6.6.6.6, 10.0.0.1");
});

test("thousands of trusted hops are walked to the first", () => {
  const hops = Array.from({ length: 5000 }, () => "10.0.0.2");
  expect(clientAddress("10.0.0.1", ["203.0.113.5", ...hops].join(","), null, TRUSTED).ip).toBe("203.0.113.5");
});
