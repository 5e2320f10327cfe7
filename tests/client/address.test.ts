import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { leavesHostInClear, localAddress, resolveEndpoint, urlHost } from "../../client/address.ts";

const hasIpv6Loopback = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .some((address) => address.address === "::1");

describe("local address", () => {
  test("towards a server on this host is loopback", async () => {
    expect(await localAddress("http://127.0.0.1:8080")).toBe("127.0.0.1");
    expect(await localAddress("http://127.0.0.9:1/base")).toBe("127.0.0.1");
  });

  test.skipIf(!hasIpv6Loopback)("is IPv6 towards an IPv6 server", async () => {
    expect(await localAddress("http://[::1]:8080")).toBe("::1");
  });

  test("is one of this host's when the server's name means nothing", async () => {
    const own = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => address),
    );
    expect([...own, "127.0.0.1"]).toContain(await localAddress("http://name.invalid:8080"));
  });
});

test("only http to another host is in clear", () => {
  const inClear = ["http://lb.example.com:8080", "http://10.0.0.1", "http://[2001:db8::1]:8080"];
  const safe = ["https://lb.example.com", "http://127.0.0.9:8080", "http://localhost:8080", "http://[::1]:1"];
  expect([...inClear, ...safe].filter((url) => leavesHostInClear(url))).toEqual(inClear);
});

describe("endpoint", () => {
  const listed = [
    { url: "http://b:1", paths: ["/v1"] },
    { url: "http://b:2", paths: [] },
  ];

  test("is the first of the list, else the one given, else port 11000 of the local address", () => {
    expect(resolveEndpoint(listed, "http://c:3", "10.0.0.1")).toBe("http://b:1");
    expect(resolveEndpoint([], "http://c:3", "10.0.0.1")).toBe("http://c:3");
    expect(resolveEndpoint([], "", "10.0.0.1")).toBe("http://10.0.0.1:11000");
    expect(resolveEndpoint([], "", "fd00::1")).toBe("http://[fd00::1]:11000");
  });

  test("an IPv6 address is bracketed in a URL", () => {
    expect(urlHost("::1")).toBe("[::1]");
    expect(urlHost("10.0.0.1")).toBe("10.0.0.1");
  });
});
