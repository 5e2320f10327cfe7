import { describe, expect, test } from "bun:test";
import { AddressPolicy, isMetadataName } from "../../../core/plane/address-policy.ts";

const OPEN = new AddressPolicy({ allowed: [], denied: [] });

describe("without configuration", () => {
  for (const address of [
    "169.254.169.254",
    "169.254.1.2",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "2002:a9fe:a9fe::1",
    "::10.0.0.1",
  ]) {
    test(`${address} is refused, also for an agent on this host`, () => {
      expect(OPEN.refusal(address, false)).toBeString();
      expect(OPEN.refusal(address, true)).toBeString();
    });
  }

  for (const address of ["10.0.0.1", "192.168.1.1", "203.0.113.9", "100.64.0.1", "fd00::1", "2001:db8::1"]) {
    test(`${address} is allowed`, () => expect(OPEN.refusal(address, false)).toBeNull());
  }

  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    test(`${address} is for agents on this host`, () => {
      expect(OPEN.refusal(address, true)).toBeNull();
      expect(OPEN.refusal(address, false)).toContain("loopback");
    });
  }
});

test("an allowed range is the only one, and overrides the built-in list", () => {
  const policy = new AddressPolicy({ allowed: ["10.1.0.0/16", "169.254.7.0/24", "127.0.0.1"], denied: [] });
  expect(policy.refusal("10.1.2.3", false)).toBeNull();
  expect(policy.refusal("169.254.7.7", false)).toBeNull();
  expect(policy.refusal("127.0.0.1", false)).toBeNull();
  expect(policy.refusal("10.2.0.1", false)).toContain("allowed_endpoint_cidrs");
  expect(policy.refusal("127.0.0.2", true)).toContain("allowed_endpoint_cidrs");
});

test("a denied range wins over an allowed one", () => {
  const policy = new AddressPolicy({ allowed: ["10.0.0.0/8"], denied: ["10.9.0.0/16"] });
  expect(policy.refusal("10.9.1.1", false)).toContain("denied_endpoint_cidrs");
  expect(policy.refusal("10.8.1.1", false)).toBeNull();
});

test("the names of metadata services are known, whatever their case and final dot", () => {
  for (const name of ["metadata.google.internal", "Metadata.Google.Internal.", "instance-data"]) {
    expect(isMetadataName(name)).toBeTrue();
  }
  for (const name of ["metadata.example.com", "my-metadata", "backend.internal"]) {
    expect(isMetadataName(name)).toBeFalse();
  }
});
