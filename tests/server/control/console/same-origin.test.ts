import { expect, test } from "bun:test";
import { isOwnCall, isSameOrigin } from "../../../../server/control/console/same-origin.ts";

/** Who asks, and whether it is a page of ours; the host that was asked is lb.example.com:8080. */
const CASES: readonly (readonly [what: string, headers: Record<string, string>, isOurs: boolean])[] = [
  ["no page at all", {}, true],
  ["our page", { Origin: "http://lb.example.com:8080" }, true],
  ["our page in other letters", { Origin: "HTTP://LB.Example.com:8080" }, true],
  ["our page behind a relay that speaks TLS", { Origin: "https://lb.example.com:8080" }, true],
  ["another port of this host", { Origin: "http://lb.example.com:9090" }, false],
  ["no port", { Origin: "http://lb.example.com" }, false],
  ["a name that begins like ours", { Origin: "http://lb.example.com:80801" }, false],
  ["a name that ends like ours", { Origin: "http://evil-lb.example.com:8080" }, false],
  ["ours as a user's name", { Origin: "http://lb.example.com:8080@evil.example" }, false],
  ["a page without an origin", { Origin: "null" }, false],
  ["an extension", { Origin: "chrome-extension://lb.example.com:8080" }, false],
  ["nonsense", { Origin: "lb.example.com:8080" }, false],
  ["another site, as the browser says", { "Sec-Fetch-Site": "cross-site" }, false],
  [
    "a sibling, as the browser says",
    { "Sec-Fetch-Site": "same-site", Origin: "http://lb.example.com:8080" },
    false,
  ],
  ["ours, as the browser says", { "Sec-Fetch-Site": "same-origin" }, true],
  ["the address bar", { "Sec-Fetch-Site": "none" }, true],
];

test.each(CASES)("%s", (_what, sent, isOurs) => {
  const all = new Headers({ "X-Forwarded-Host": "lb.example.com:8080", ...sent });
  expect(isSameOrigin(all)).toBe(isOurs);
});

const headers = (host: string, origin: string) => new Headers({ "X-Forwarded-Host": host, Origin: origin });

test("a scheme's own port may be left out", () => {
  expect(isSameOrigin(headers("lb.example.com:443", "https://lb.example.com"))).toBe(true);
  expect(isSameOrigin(headers("lb.example.com", "https://lb.example.com"))).toBe(true);
  expect(isSameOrigin(headers("[::1]:8080", "http://[::1]:8080"))).toBe(true);
  expect(isSameOrigin(headers("", "http://"))).toBe(false);
});

test("a call needs the header that a form cannot send", () => {
  const ours = { "X-Forwarded-Host": "h", Origin: "http://h" };
  expect(isOwnCall(new Headers(ours))).toBe(false);
  expect(isOwnCall(new Headers({ ...ours, "X-Requested-With": "XMLHttpRequest" }))).toBe(false);
  expect(isOwnCall(new Headers({ ...ours, "X-Requested-With": "opsen-console" }))).toBe(true);
  expect(isOwnCall(new Headers({ ...ours, "X-Requested-With": "opsen-console", Origin: "http://x" }))).toBe(
    false,
  );
});
