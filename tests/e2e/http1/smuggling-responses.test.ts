/** The framing rows once more as a backend's responses: a 502, or exactly what the letter allows. */
import { afterAll, describe, expect, test } from "bun:test";
import { RESPONSE_ROWS } from "../../conformance/smuggling-rows.ts";
import { Stand, UPSTREAMS } from "../../conformance/stand.ts";
import { judgeResponse } from "../../conformance/verdict.ts";
import { unexpected } from "./known-failures.ts";

const TARGET = "/asked";
const REQUEST = `GET ${TARGET} HTTP/1.1\r\nHost: t\r\n\r\n`;

const config = { stream_idle_timeout_seconds: 1, request_timeout_seconds: 1 };
const stands = await Promise.all(UPSTREAMS.map((upstream) => Stand.start(upstream, config)));
afterAll(() => Promise.all(stands.map((stand) => stand[Symbol.asyncDispose]())));

describe.each(stands.map((stand) => [stand.upstream, stand] as const))(
  "backend connections are %s",
  (_, stand) => {
    test.each(RESPONSE_ROWS.map((row) => [row.id, row.about, row] as const))(
      "%s %s",
      async (id, _about, row) => {
        const target = `/asked-${id.replaceAll(" ", "-")}`;
        const request = `GET ${target} HTTP/1.1\r\nHost: t\r\n\r\n`;
        const verdict = judgeResponse(row, await stand.run(request, { reply: row.octets }), target);
        expect(unexpected(`${id} as response`, verdict)).toBeNull();
      },
    );
  },
);

const split = RESPONSE_ROWS.filter(({ group, octets }) => group !== "D" && octets.length < 2000);

test.each(split.map((row) => [row.id, row.about, row] as const))(
  "octet by octet: %s %s",
  async (id, _about, row) => {
    const [stand] = stands;
    if (stand === undefined) throw new Error("no stand");
    const seen = await stand.run(REQUEST, { reply: row.octets, replySplit: true });
    expect(unexpected(`${id} as split response`, judgeResponse(row, seen, TARGET))).toBeNull();
  },
);
