import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { CidrSet, formatAddress, isLoopback, parseAddress, parseCidr } from "../../../core/http/cidr.ts";

function canonical(text: string): string | null {
  const address = parseAddress(text);
  return address === null ? null : formatAddress(address);
}

/** All 128 bits as text, so that ranges can be compared as prefixes of strings. */
function bits(text: string): string {
  return (parseAddress(text)?.words ?? []).map((word) => word.toString(2).padStart(32, "0")).join("");
}

describe("addresses", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["192.0.2.7", "192.0.2.7"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8::1", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["fe80::", "fe80::"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["::FFFF:102:304", "1.2.3.4"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ])("%s is %s", (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test.each([
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "010.0.0.1",
    "1.2.3.04",
    "1..2.3",
    "1.2.3.4 ",
    "+1.2.3.4",
    "1.2.3.4:80",
    "0x7f.1.1.1",
    "2130706433",
    ":",
    ":::",
    "1:::2",
    "::1::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    ":1:2:3:4:5:6:7",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "[::1]",
    "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "unknown",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  test("every address reads back from its canonical text", () => {
    fc.assert(fc.property(fc.ipV4(), (text) => expect(canonical(text)).toBe(text)));
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const once = canonical(text);
        expect(once).not.toBeNull();
        expect(bits(once ?? "")).toBe(bits(text));
        expect(canonical(once ?? "")).toBe(once);
      }),
    );
  });
});

describe("ranges", () => {
  test.each([
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.1.2.3/8", "10.0.0.1", true],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "2001:db8::1", true],
    ["::/0", "203.0.113.9", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7/32", "192.0.2.6", false],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
    ["2001:db8::/32", "not an address", false],
  ])("%s and %s: %p", (range, address, expected) => {
    expect(new CidrSet([range]).has(address)).toBe(expected);
  });

  test.each([
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "::/129",
    "::ffff:0:0/64",
    "10/8",
    "/8",
    "x",
  ])("%j is none", (text) => {
    expect(parseCidr(text)).toBeNull();
    expect(() => new CidrSet(["10.0.0.0/8", text])).toThrow(text);
  });

  test("a range holds what shares its first bits", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, address, fc.nat(128), (base, other, wanted) => {
        const isIpv4 = !base.includes(":");
        const prefix = Math.min(wanted, isIpv4 ? 32 : 128);
        const compared = isIpv4 ? prefix + 96 : prefix;
        const sameFamily = parseAddress(base)?.family === parseAddress(other)?.family;
        const cidr = parseCidr(`${base}/${prefix}`);
        // Short IPv6 prefixes of a mapped address would mix families; they are refused.
        if (cidr === null) return;
        const expected = sameFamily && bits(base).slice(0, compared) === bits(other).slice(0, compared);
        expect(new CidrSet([`${base}/${prefix}`]).has(other)).toBe(expected);
      }),
    );
  });

  test("an empty set holds nothing", () => {
    expect(new CidrSet([]).has("127.0.0.1")).toBe(false);
  });
});

test.each([
  ["127.0.0.1", true],
  ["127.255.0.1", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["128.0.0.1", false],
  ["::2", false],
  ["localhost", false],
])("loopback %s: %p", (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});
