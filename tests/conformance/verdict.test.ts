/** The judges themselves: each kind of fault that they are there to see, they see. */
import { expect, test } from "bun:test";
import { judge } from "./obligation.ts";
import type { Seen } from "./stand.ts";
import { readRequests, readResponses } from "./strict.ts";
import { judgeRequest, judgeResponse } from "./verdict.ts";

const REFUSAL = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const FORWARDED = "X-Forwarded-For: 127.0.0.1\r\n";
const ROOT = `POST / HTTP/1.1\r\nHost: t\r\n${FORWARDED}Content-Length: 2\r\n\r\nab`;
const SMUGGLED = `GET /smug HTTP/1.1\r\nHost: t\r\n${FORWARDED}\r\n`;
const POST = "POST / HTTP/1.1\r\nHost: t\r\n\r\n";

function seen(client: string, backend: string, changes: Partial<Seen> = {}): Seen {
  const responses = readResponses(client, ["POST"], false);
  const requests = readRequests(backend);
  return {
    responses: responses.messages,
    clientRest: responses.rest,
    clientFault: responses.fault,
    ending: client.includes("close") ? "fin" : null,
    sameCanary: !client.includes("close"),
    freshCanary: true,
    requests: requests.messages,
    reused: true,
    fragments: requests.rest === "" ? [] : [{ octets: requests.rest, fault: requests.fault, ending: null }],
    ...changes,
  };
}

const refuse = { octets: POST, refuse: [400] };
const serve = { octets: POST, serve: { body: "ab", lacks: ["X-Secret"] } };

test("a clean refusal and a clean exchange pass", () => {
  expect(judgeRequest(refuse, seen(REFUSAL, ""))).toBeNull();
  expect(judgeRequest(serve, seen(OK, ROOT))).toBeNull();
  expect(
    judgeRequest({ octets: POST, other: "pipeline" }, seen(`${OK}${OK}`, `${ROOT}${SMUGGLED}`)),
  ).toBeNull();
  expect(judgeResponse({ refuse: [400] }, seen(OK.replace("200", "502"), ROOT), "/")).toBeNull();
});

test.each<[string, Seen]>([
  ["served", seen(OK, ROOT)],
  ["a second response", seen(`${REFUSAL}${OK}`, "")],
  [
    "no Connection: close",
    seen(REFUSAL.replace("close", "keep-alive"), "", { ending: "fin", sameCanary: false }),
  ],
  ["not ended", seen(REFUSAL, "", { ending: null })],
  ["the next request was read", seen(REFUSAL, "", { sameCanary: true })],
  ["a request arrived", seen(REFUSAL, SMUGGLED)],
  ["octets arrived", seen(REFUSAL, "POST / HTTP/1.1\r\n")],
  ["another status", seen(REFUSAL.replace("400", "500"), "")],
  ["the next client suffered", seen(REFUSAL, "", { freshCanary: false })],
])("a refusal is none: %s", (_what, each) => {
  expect(judgeRequest(refuse, each)).not.toBeNull();
});

test.each<[string, Seen]>([
  ["a smuggled request arrived", seen(OK, `${ROOT}${SMUGGLED}`)],
  ["a second response", seen(`${OK}${OK}`, ROOT)],
  ["another body", seen(OK, ROOT.replace("ab", "ac"))],
  ["the field arrived", seen(OK, ROOT.replace(FORWARDED, "X-Secret: 1\r\n"))],
  ["two framings", seen(OK, ROOT.replace(FORWARDED, "Transfer-Encoding: chunked\r\n"))],
  ["bare LF", seen(OK, ROOT.replace("Host: t\r\n", "Host: t\n"))],
])("an exchange is not clean: %s", (_what, each) => {
  expect(judgeRequest(serve, each)).not.toBeNull();
});

test("a tunnel, a completed upload and a cut response are seen", () => {
  const tunnel = seen(`${OK}${OK}`, `${ROOT}${SMUGGLED.replace(FORWARDED, "")}`);
  expect(judgeRequest({ octets: POST, other: "noTunnel" }, tunnel)).not.toBeNull();
  expect(judgeRequest({ octets: POST, other: "abort" }, seen(REFUSAL, ROOT))).not.toBeNull();
  expect(judgeRequest({ octets: POST, other: "drain" }, seen(`${OK}${OK}`, ""))).not.toBeNull();
  const row = { id: "x", about: "", send: POST, cut: "ended" } as const;
  expect(judge(row, seen(OK, ROOT))).not.toBeNull();
  expect(judge(row, seen(OK.slice(0, -1), ROOT, { ending: "fin" }))).toBeNull();
  expect(judge({ ...row, cut: "reset" }, seen(OK.slice(0, -1), ROOT, { ending: "fin" }))).not.toBeNull();
});

test.each([
  "5;a=b\r\nhello\r\n0\r\n\r\n",
  "05\r\nhello\r\n0\r\n\r\n",
  "5\r\nhelloX\r\n0\r\n\r\n",
  "5\nhello\r\n0\r\n\r\n",
])("chunks %j are not what a proxy writes", (body) => {
  const octets = `POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
  expect(readRequests(octets).messages).toEqual([]);
});
