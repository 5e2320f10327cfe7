/** Obligation C-99, and of C-64 what concerns sizes: bodies over the limit. */
import type { ObligationTable } from "../obligation.ts";

const CHUNKS = `${`${(1000).toString(16)}\r\n${"x".repeat(1000)}\r\n`.repeat(20)}0\r\n\r\n`;

export const LIMITS: readonly ObligationTable[] = [
  {
    config: { proxy_max_request_body_bytes: 10_000 },
    rows: [
      {
        id: "C-99 length",
        about: "a Content-Length over the limit is refused before its body",
        send: "POST /u HTTP/1.1\r\nHost: t\r\nContent-Length: 10001\r\n\r\n",
        status: [413],
        closes: true,
        backend: [],
      },
      {
        id: "C-99 expect",
        about: "the same with Expect",
        send: "POST /u HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 10001\r\n\r\n",
        status: [413],
        backend: [],
      },
      {
        id: "C-99 chunked",
        about: "chunks over the limit end the upload there",
        send: `POST /u HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
        status: [413],
        closes: true,
      },
      {
        id: "C-99 within",
        about: "a body of just the limit passes",
        send: `POST /u HTTP/1.1\r\nHost: t\r\nContent-Length: 10000\r\n\r\n${"x".repeat(10_000)}`,
        backend: [{ body: "x".repeat(10_000) }],
      },
      {
        id: "C-64 413",
        about: "Expect refused for its size: no 100, and what follows is no request",
        send: `POST /e HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\nGET /smug HTTP/1.1\r\nHost: t\r\n\r\n`,
        status: [413],
        backend: [],
      },
    ],
  },
];
