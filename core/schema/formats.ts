/** What a string must hold beyond being a string: one test and one phrase for each format. */
import { STRATEGY_NAMES, strategyNamed } from "../balancing/strategies/names.ts";
import { parseAddress, parseCidr } from "../http/cidr.ts";
import { nearest } from "./suggest.ts";

export interface Format {
  readonly test: (text: string) => boolean;
  /** Completes "must be ...". */
  readonly expected: string;
  /** What a text that fails the test was meant to be; absent or null where nothing is near. */
  readonly meant?: (text: string) => string | null;
}

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
/** Visible ASCII: what may stand in a request target or a URL as it is sent. */
const VISIBLE = /^[\x21-\x7e]+$/;

export const FORMATS: Readonly<Record<string, Format>> = {
  "agent-address": {
    test: (text) => text === "" || text === "unknown" || parseAddress(text) !== null,
    expected: "an IP address, or unknown",
  },
  cidr: {
    test: (text) => parseCidr(text) !== null,
    expected: "an IP address or a CIDR range such as 10.0.0.0/8",
  },
  "dns-server": {
    test: isDnsServer,
    expected: "an IP address, with a port where it is not 53, such as 10.0.0.53 or [2001:db8::53]:5353",
  },
  "header-name": {
    test: (text) => text.length <= 128 && TOKEN.test(text),
    expected: "a header name such as X-Session-ID",
  },
  "dns-target": {
    test: (text) => parseDnsTarget(text) !== null,
    expected: "a host name and a port such as app.internal:8080, with http:// or h2c:// before it if need be",
  },
  host: { test: isHost, expected: "an IP address or a host name" },
  "http-url": { test: (text) => isHttpUrl(text, true), expected: "an http:// or https:// URL" },
  "base-url": {
    test: (text) => isHttpUrl(text, false),
    expected: "an http:// or https:// URL without query, fragment or credentials",
  },
  origin: { test: isOrigin, expected: "an origin such as https://app.example.com, or *" },
  path: { test: (text) => !/\p{Cc}/u.test(text), expected: "a file system path" },
  "path-pattern": {
    test: (text) => /^[/*?][!-~]*$/.test(text) && !text.includes("#"),
    expected: "a path pattern that starts with / or *, in printable ASCII, such as /api or /api/*",
  },
  "path-prefix": { test: isPathPrefix, expected: "a path such as /api, or one of / * /* for all paths" },
  "url-path": {
    test: (text) => text.startsWith("/") && VISIBLE.test(text) && !text.includes("#"),
    expected: "a path that starts with /",
  },
  strategy: {
    test: (text) => strategyNamed(text) !== null,
    expected: `one of ${STRATEGY_NAMES.join(", ")}`,
    meant: (text) => nearest(text, STRATEGY_NAMES),
  },
  token: {
    test: (text) => /^[A-Za-z0-9._:@+~-]{1,128}$/.test(text),
    expected: "1 to 128 letters, digits or . _ : @ + ~ -",
  },
};

/** Takes `name:port` apart, with the scheme before it (`http` unless given); null when it is something else. */
export function parseDnsTarget(
  text: string,
): { readonly scheme: string; readonly host: string; readonly port: number } | null {
  const [, scheme = "http", host = "", digits = ""] =
    /^(?:(http|h2c):\/\/)?([^:/]+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isName = isHost(host) && parseAddress(host) === null;
  return isName && port >= 1 && port <= 65_535 ? { scheme, host, port } : null;
}

function isHost(text: string): boolean {
  if (parseAddress(text) !== null) return true;
  if (text.length > 253) return false;
  const labels = text.split(".");
  // A name whose last label is a number would be read as a broken IPv4 address (WHATWG URL, section 3.5).
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? "");
}

function isDnsServer(text: string): boolean {
  if (parseAddress(text) !== null) return true;
  const [, address = "", port = ""] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  const isBracketed = text.startsWith("[");
  return (
    parseAddress(address) !== null &&
    address.includes(":") === isBracketed &&
    Number(port) - 1 < 65_535 &&
    Number(port) > 0
  );
}

function isHttpUrl(text: string, queryAllowed: boolean): boolean {
  if (!/^https?:\/\/[^/\\]/i.test(text) || !VISIBLE.test(text) || text.includes("\\")) return false;
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.hostname === "" || url.username !== "" || url.password !== "") return false;
  return queryAllowed || !/[?#]/.test(text);
}

function isOrigin(text: string): boolean {
  return text === "*" || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\\s]+$/i.test(text);
}

function isPathPrefix(text: string): boolean {
  if (text === "*" || text === "/*") return true;
  return text.startsWith("/") && VISIBLE.test(text) && !/[*?#]/.test(text);
}
