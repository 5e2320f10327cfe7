import { describe, expect, test } from "bun:test";
import { ChunkedReader } from "../../../core/http/chunked.ts";
import { parseRequestHead, RequestHead } from "../../../core/http/request-head.ts";
import { parseResponseHead, ResponseHead } from "../../../core/http/response-head.ts";
import rows from "../../conformance/fixtures/smuggling.json";
import { LIMITS, latin1, readChunked } from "./support.ts";

type Part = string | { repeat: string; times: number };

/** `refuse`: the head, with one of these statuses. `badBody`: the body. `waits`: only the peer's silence tells. */
interface Expected {
  readonly refuse?: readonly number[] | undefined;
  readonly badBody?: boolean | undefined;
  readonly waits?: boolean | undefined;
  readonly accept?: Readonly<Record<string, unknown>> | undefined;
}

interface Row {
  readonly id: string;
  readonly group: string;
  readonly about: string;
  readonly raw: readonly Part[];
  readonly expect: Expected;
}

const ROWS: readonly Row[] = rows;

function octets(row: Row): string {
  return row.raw.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times))).join("");
}

describe("request smuggling vectors", () => {
  test.each(ROWS.map((row) => [row.id, row.about, row] as const))("%s %s", (_id, _about, row) => {
    const bytes = latin1(octets(row));
    const head = new RequestHead();
    const consumed = parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
    const { refuse, badBody, waits, accept } = row.expect;
    if (refuse !== undefined) {
      expect(consumed).toBe(-1);
      expect(refuse).toContain(head.rejection?.status ?? 0);
      return;
    }
    expect(head.rejection).toBeNull();
    const body = head.framing === "chunked" ? readChunked([bytes.subarray(consumed)]) : null;
    if (badBody === true) expect(body?.state).toBe("error");
    if (waits === true) expect(body?.state).toBe("reading");
    for (const [key, value] of Object.entries(accept ?? {})) {
      if (key === "body") expect(body).toMatchObject({ state: "done", body: value, trailers: "", rest: "" });
      else expect(Reflect.get(head, key === "length" ? "contentLength" : key)).toBe(value);
    }
  });

  const obfuscated = ROWS.filter((row) => row.group === "B" && octets(row).includes("Content-Length: 5\r\n"));
  test.each(obfuscated.map((row) => [row.id, row] as const))("%s without its Content-Length", (_id, row) => {
    const bytes = latin1(octets(row).replace("Content-Length: 5\r\n", ""));
    const head = new RequestHead();
    expect(parseRequestHead(bytes, 0, bytes.length, LIMITS, head)).toBe(-1);
    expect([400, 501]).toContain(head.rejection?.status ?? 0);
  });
});

describe("the same vectors from a backend", () => {
  const framing = ROWS.filter((row) => ["A", "B", "C", "D"].includes(row.group));
  test.each(framing.map((row) => [row.id, row.about, row] as const))("%s %s", (_id, _about, row) => {
    const bytes = latin1(octets(row).replace(/^[A-Z]+ \/ (HTTP\/1\.[01])\r\n/, "$1 200 OK\r\n"));
    const head = new ResponseHead();
    const consumed = parseResponseHead(bytes, 0, bytes.length, LIMITS, "GET", head);
    const reader = new ChunkedReader();
    const body = head.framing === "chunked" ? readChunked([bytes.subarray(consumed)], reader) : null;
    if (row.expect.refuse !== undefined) expect(consumed).toBe(-1);
    else if (row.expect.badBody === true) expect(body?.state).toBe("error");
    else expect(consumed).toBeGreaterThan(0);
  });
});
