import { expect, test } from "bun:test";
import { agentDefaultUrl, parseEndpointUrl } from "../../../core/plane/endpoint-url.ts";

test("finds host, port, authority and base path", () => {
  const cases = [
    ["http://a.example", "a.example", 80, "a.example", ""],
    ["HTTPS://A.example/", "a.example", 443, "a.example", ""],
    ["http://a.example:8080/base/", "a.example", 8080, "a.example:8080", "/base"],
    ["https://a.example:443/x/y", "a.example", 443, "a.example", "/x/y"],
    ["http://[fd00::1]:9000", "fd00::1", 9000, "[fd00::1]:9000", ""],
    ["http://010.0.0.1/", "8.0.0.1", 80, "8.0.0.1", ""],
  ] as const;
  for (const [url, host, port, authority, basePath] of cases) {
    const parsed = parseEndpointUrl(url);
    expect(parsed.ok && parsed.endpoint.origin).toMatchObject({ host, port, authority, basePath });
  }
});

test("refuses what is no plain http(s) URL", () => {
  for (const url of [
    "",
    "a.example",
    "//a.example",
    "ftp://a.example",
    "file:///etc/passwd",
    "http:a.example",
    "http://",
    "http:///path",
    "http://user@a.example",
    "http://a.example?x",
    "http://a.example/#f",
    "http://a.example:0",
    "http://a.example:99999",
    "http://a b.example",
    "http://a.example\\@b.example",
    "http://a.example\n",
    "http://ä.example",
  ]) {
    expect(parseEndpointUrl(url).ok).toBe(false);
  }
});

test("gives a bare address the agents' default port", () => {
  expect(agentDefaultUrl("10.0.0.1")).toBe("http://10.0.0.1:11000");
  expect(agentDefaultUrl("fd00::1")).toBe("http://[fd00::1]:11000");
});
