/** What is fuzzed: octets to make, and what must hold of them. The same in tests, briefly, and in `npm run fuzz`. */
import { expect } from "bun:test";
import * as fc from "fast-check";
import { ChunkedReader } from "../../core/http/chunked.ts";
import { CidrSet, parseAddress, parseCidr } from "../../core/http/cidr.ts";
import { clientAddress } from "../../core/http/forwarded.ts";
import { pathPrefixes } from "../../core/http/path-match.ts";
import { ROWS } from "../conformance/smuggling-rows.ts";
import { anyRequest, anyResponse } from "../core/http/messages.ts";
import { cut, latin1, readChunked } from "../core/http/support.ts";
import { checkForwardedRequest, checkForwardedResponse } from "./checks.ts";
import { difference, forward } from "./differential.ts";
import { mutate, mutations, noise } from "./octets.ts";
import { askHttpParserJs, type NodeParser } from "./other-parsers.ts";

export interface Target {
  /** Begins the names of its files in the corpus. */
  readonly id: string;
  readonly name: string;
  /** Runs in a test; a share of time in `npm run fuzz`. */
  readonly runs: number;
  /** Throws when the octets, as latin1, show a fault. */
  readonly check: (text: string, node: NodeParser) => unknown;
  readonly property: (node: NodeParser) => fc.IAsyncProperty<[string]>;
}

function target(
  [id, name]: readonly [id: string, name: string],
  runs: number,
  texts: fc.Arbitrary<string>,
  check: Target["check"],
): Target {
  const property: Target["property"] = (node) =>
    fc.asyncProperty(texts, async (text) => {
      await check(text, node);
    });
  return { id, name, runs, check, property };
}

function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(texts, mutations).map(([text, changes]) => changes.reduce(mutate, text));
}

const corpus = fc.constantFrom(...ROWS.map(({ octets }) => octets));
const METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"] as const;
/** Other parsers know a list of methods; a body that is there in full makes what follows a request of its own. */
const comparable = fc
  .tuple(anyRequest, fc.constantFrom(...METHODS), noise)
  .map(([text, method, body]) => `${text.replace(/^(\r\n)?\S+ /, `$1${method} `)}${coded(text, body)}`);

function coded(head: string, body: string): string {
  if (/content-length:\s*17/i.test(head)) return body.padEnd(17, "x").slice(0, 17);
  if (!/transfer-encoding:/i.test(head)) return "";
  return body === "" ? "0\r\n\r\n" : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

const chunkedBodies = fc.constantFrom(
  "5\r\nhello\r\na;x=y\r\n0123456789\r\n0\r\nX-A: 1\r\n\r\nnext",
  '3;a="q\\"";b\r\nabc\r\n000\r\n\r\nGET / HTTP/1.1\r\n',
  "1\r\na\r\n1\r\nb\r\n0\r\nContent-Length: 3\r\nX-B:\r\n\r\n",
);
const addresses = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.tuple(fc.ipV4(), fc.nat(40)).map(([ip, bits]) => `${ip}/${bits}`),
  fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdefx.:/[]%, ")), maxLength: 50 }),
);

export const TARGETS: readonly Target[] = [
  target(
    ["request", "C-101, C-102 mutated requests"],
    1500,
    mutated(fc.oneof(anyRequest, corpus)),
    (text) => {
      checkForwardedRequest(latin1(text));
    },
  ),
  target(["response", "C-101, C-109 mutated responses"], 1000, mutated(anyResponse), (text) => {
    checkForwardedResponse(latin1(text));
  }),
  target(["noise", "C-101 noise"], 500, noise, (text) => {
    checkForwardedRequest(latin1(text));
    checkForwardedRequest(latin1(`GET / HTTP/1.1\r\nHost: t\r\n${text}\r\n\r\n`));
    checkForwardedResponse(latin1(`HTTP/1.1 200 OK\r\n${text}\r\n\r\n`));
  }),
  target(
    ["differential", "C-102 forwarded requests, as other parsers read them"],
    3000,
    disguised(),
    compare,
  ),
  target(
    ["chunked", "C-106 chunked bodies in any segments, and nothing beyond their end"],
    1500,
    mutated(chunkedBodies),
    (text) => {
      const bytes = latin1(text);
      const whole = readChunked([bytes]);
      for (const places of [[1], [7, 3, 40], [...bytes.keys()]]) {
        expect(readChunked(cut(bytes, places))).toEqual(whole);
      }
      if (whole.state === "done") expect(text.endsWith(whole.rest)).toBe(true);
    },
  ),
  target(["chunked-noise", "noise as a chunked body"], 500, noise, (text) => {
    const reader = new ChunkedReader();
    const { state } = readChunked([latin1(text)], reader);
    expect(["reading", "done", "error"]).toContain(state);
    expect(reader.fault !== "").toBe(state === "error");
  }),
  target(
    ["forwarded", "forwarded addresses"],
    1000,
    fc.array(addresses, { maxLength: 6 }).map((list) => list.join(",")),
    (text) => {
      const trusted = new CidrSet(["10.0.0.0/8", "fc00::/7"]);
      const { ip } = clientAddress("10.1.2.3", text, null, trusted);
      expect(parseAddress(ip)).not.toBeNull();
      // Whoever is believed was named by a proxy that is trusted: never an address further left than a stranger's.
      const list = text.split(",").map((each) => each.trim());
      const stranger = list.findLastIndex((each) => parseAddress(each) === null || !trusted.has(each));
      expect(ip === "10.1.2.3" || trusted.has(ip) || parseAddress(list[stranger] ?? "") !== null).toBe(true);
    },
  ),
  target(["cidr", "addresses and ranges"], 1000, addresses, (text) => {
    const range = parseCidr(text);
    if (range === null) return;
    const set = new CidrSet([text]);
    expect(set.has(text.split("/")[0] ?? "")).toBe(true);
  }),
  target(["path", "paths against prefixes"], 1000, fc.webPath(), (path) => {
    const matches = pathPrefixes(["/api", "/v1/"]);
    const literal = /^\/(?:api(?:\/|$)|v1\/)/.test(path);
    expect(matches(path)).toBe(literal);
  }),
];

/** Mostly well-formed, for what is refused is not compared. */
function disguised(): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: comparable, weight: 2 },
    { arbitrary: mutated(comparable), weight: 3 },
    corpus,
  );
}

async function compare(text: string, node: NodeParser): Promise<void> {
  const forwarded = forward(latin1(text));
  if (forwarded === null || !METHODS.some((method) => method === forwarded.meaning.method)) return;
  expect(difference(forwarded, askHttpParserJs(forwarded.octets))).toBeNull();
  expect(difference(forwarded, await node.ask(forwarded.octets))).toBeNull();
}
