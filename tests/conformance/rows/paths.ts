/** Obligations C-80 to C-87 that are data: targets pass octet by octet, and prefixes mean what they say. */
import type { Obligation, ObligationTable } from "../obligation.ts";

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: t\r\n\r\n`;

const IDENTICAL: Readonly<Record<string, readonly string[]>> = {
  "C-81": ["/a/../b", "/a/./b", "/a/%2e%2e/b", "/a/%2E./b", "/..", "/../x", "/a/..;/b"],
  "C-82": ["/a%2fb", "/a%2Fb", "/a%5cb"],
  "C-83": ["//a//b", "///", "//evil.example/x"],
  "C-84": ["/%00", "/%0d%0aX:1", "/%c0%af", "/%252e%252e/"],
  "C-86": [
    "/x?",
    "/x??a",
    "/?a=1;b=2",
    "/?a=%zz",
    "/?a=1&a=2",
    "/?%00",
    `/?${"q".repeat(8192)}`,
    "/?a=http://u/?b",
  ],
  "C-87": ["/foo/bar%", "/%1"],
};

const identical: readonly Obligation[] = Object.entries(IDENTICAL).flatMap(([id, targets]) =>
  targets.map((target) => ({
    id: `${id} ${target.slice(0, 20)}`,
    about: "octet by octet",
    send: get(target),
    backend: [{ line: `GET ${target} HTTP/1.1` }],
  })),
);

const REFUSED: Readonly<Record<string, string>> = {
  "C-82 backslash": "/a\\b",
  "C-85 NUL": "/a\0b",
  "C-85 control": "/a\x01b",
  "C-85 DEL": "/a\x7fb",
  "C-85 tab": "/a\tb",
  "C-85 space": "/a b",
  "C-85 fragment": "/a#frag",
  "C-85 UTF-8": "/caf\u00c3\u00a9",
};

const refused: readonly Obligation[] = Object.entries(REFUSED).map(([id, target]) => ({
  id,
  about: "octets that no target has",
  send: get(target),
  status: [400],
  closes: true,
  backend: [],
}));

export const PATHS: readonly ObligationTable[] = [
  { config: {}, rows: [...identical, ...refused] },
  {
    config: { proxy_endpoints: ["/api", "/canary", "/via"] },
    rows: [
      ...["/api/../x", "/api/%2e%2e/x", "/api/..", "/api/./%2E./x"].map((target) => ({
        id: `C-81 ${target}`,
        about: "a way out of the prefix, for a backend that resolves dots",
        send: get(target),
        status: [[400, 404]],
        backend: [],
      })),
      ...["/api", "/api/", "/api/x", "/api?x", "/api/a..b", "/api/x?/../y"].map((target) => ({
        id: `C-80 ${target}`,
        about: "within the prefix, by the octets sent",
        send: get(target),
        backend: [{ line: `GET ${target} HTTP/1.1` }],
      })),
      ...["/apiary", "/ap", "/API", "/x/../api/y", "/%61pi", "//api", "/apiary/../api"].map((target) => ({
        id: `C-80 ${target}`,
        about: "outside the prefix, by the octets sent",
        send: get(target),
        status: [404],
        backend: [],
      })),
    ],
  },
];
