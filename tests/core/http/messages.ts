/** Generators of valid messages, for properties. */
import * as fc from "fast-check";

const TCHAR = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz";
const VISIBLE = Array.from({ length: 255 }, (_, octet) => String.fromCharCode(octet)).filter(
  (character) => character > " " && character !== "\x7f",
);
const TARGET = VISIBLE.filter((character) => character < "\x7f" && character !== "#" && character !== "\\");

const token = fc.string({ unit: fc.constantFrom(...TCHAR.split("")), minLength: 1, maxLength: 12 });
/** Names that mean nothing to the proxy: "q" starts none that it knows. */
const name = token.map((text) => `Q${text}`);
const word = fc.string({ unit: fc.constantFrom(...VISIBLE), minLength: 1, maxLength: 12 });
const value = fc.array(word, { maxLength: 3 }).map((words) => words.join(" \t"));
const space = fc.constantFrom("", " ", "\t", "  ");

const line = fc
  .tuple(name, space, value, space)
  .map(([field, before, text, after]) => `${field}:${before}${text}${after}\r\n`);

const framing = fc.constantFrom(
  "",
  "Content-Length: 0\r\n",
  "content-length:17\r\n",
  "Transfer-Encoding: chunked\r\n",
  "TRANSFER-encoding:\tCHUNKED \r\n",
);

const lines = fc
  .tuple(fc.array(line, { maxLength: 40 }), framing, fc.array(line, { maxLength: 4 }))
  .map(([before, body, after]) => [...before, body, ...after].join(""));

const option = fc.constantFrom("", "", "Connection: keep-alive\r\n", "TE: trailers\r\nConnection: TE\r\n");

const path = fc.string({ unit: fc.constantFrom(...TARGET), maxLength: 30 }).map((text) => `/${text}`);
const target = fc.oneof(
  path,
  path.map((text) => `http://other:81${text}`),
);
const method = fc.oneof(
  fc.constantFrom("GET", "POST", "HEAD", "OPTIONS", "delete"),
  token.map((text) => `M${text}`),
);

/** A valid HTTP/1.1 request head. */
export const anyRequest = fc
  .tuple(method, target, lines, option, fc.constantFrom("", "\r\n"))
  .map(
    ([verb, uri, rest, extra, lead]) => `${lead}${verb} ${uri} HTTP/1.1\r\nHost: t\r\n${extra}${rest}\r\n`,
  );

/** A valid HTTP/1.1 response head to a GET, other than 101. */
export const anyResponse = fc
  .tuple(fc.constantFrom(200, 204, 206, 301, 304, 404, 500, 599), value, lines)
  .map(([status, reason, rest]) => `HTTP/1.1 ${status} ${reason}\r\n${rest}\r\n`);
