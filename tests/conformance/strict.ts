/**
 * A strict HTTP/1.1 reader of these tests' own: it accepts the one canonical form only, so that what the product
 * sends in either direction is judged by the letter of RFC 9112. It works on latin1 text, one octet a character.
 */

export interface StrictMessage {
  readonly start: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** Everything that the message takes on the wire. */
  readonly octets: string;
}

export interface StrictReading {
  readonly messages: readonly StrictMessage[];
  /** What follows the last whole message. */
  readonly rest: string;
  /** Why `rest` can never become a message; null when it is only incomplete. */
  readonly fault: string | null;
}

type Fields = StrictMessage["fields"];
type Framing = "none" | "length" | "chunked" | "close";

const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP\/1\.1$/;
const STATUS_LINE = /^HTTP\/1\.1 [1-5]\d\d [\t\x20-\x7e\x80-\xff]*$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

class Malformed extends Error {}

/** Reads requests as a backend got them. */
export function readRequests(octets: string): StrictReading {
  return readAll(octets, (rest) =>
    take(rest, REQUEST_LINE, (_start, fields) => framingOf(fields, "none"), false),
  );
}

/** Reads responses as a client got them; `methods` are those of the requests, in order. */
export function readResponses(octets: string, methods: readonly string[], ended: boolean): StrictReading {
  let answered = 0;
  return readAll(octets, (rest) =>
    take(
      rest,
      STATUS_LINE,
      (start, fields) => {
        const status = Number(start.slice(9, 12));
        const framing = framingOf(fields, "close");
        if (status < 200) return "none";
        const method = methods[answered++] ?? "GET";
        return method === "HEAD" || status === 204 || status === 304 ? "none" : framing;
      },
      ended,
    ),
  );
}

/** Gives every value of a field; names compare without case. */
export function valuesOf(message: { readonly fields: Fields }, name: string): string[] {
  const wanted = name.toLowerCase();
  return message.fields.filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value);
}

export function statusOf(message: StrictMessage): number {
  return Number(message.start.slice(9, 12));
}

/** The request line's target. */
export function targetOf(message: StrictMessage): string {
  return message.start.split(" ")[1] ?? "";
}

function readAll(octets: string, takeOne: (rest: string) => StrictMessage | null): StrictReading {
  const messages: StrictMessage[] = [];
  let rest = octets;
  try {
    while (rest !== "") {
      const message = takeOne(rest);
      if (message === null) break;
      messages.push(message);
      rest = rest.slice(message.octets.length);
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { messages, rest, fault: error.message };
  }
  return { messages, rest, fault: null };
}

function take(
  rest: string,
  startLine: RegExp,
  decide: (start: string, fields: Fields) => Framing,
  ended: boolean,
): StrictMessage | null {
  const end = rest.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [start = "", ...lines] = rest.slice(0, end).split("\r\n");
  if (!startLine.test(start)) throw new Malformed(`start line ${JSON.stringify(start)}`);
  const fields = lines.map(fieldOf);
  const taken = takeBody(rest.slice(end + 4), decide(start, fields), fields, ended);
  if (taken === null) return null;
  const { body, trailers, length } = taken;
  return { start, fields, body, trailers, octets: rest.slice(0, end + 4 + length) };
}

function fieldOf(line: string): readonly [string, string] {
  const match = FIELD.exec(line);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new Malformed(`field line ${JSON.stringify(line)}`);
  }
  return [match[1], match[2]];
}

/** RFC 9112 section 6: one framing field at most, in canonical form. */
function framingOf(fields: Fields, otherwise: Framing): Framing {
  const lengths = valuesOf({ fields }, "content-length");
  const codings = valuesOf({ fields }, "transfer-encoding");
  if (lengths.length + codings.length > 1) throw new Malformed("more than one framing field");
  const [length] = lengths;
  if (length !== undefined) {
    if (!/^(?:0|[1-9]\d{0,15})$/.test(length))
      throw new Malformed(`Content-Length ${JSON.stringify(length)}`);
    return "length";
  }
  const [coding] = codings;
  if (coding === undefined) return otherwise;
  if (coding !== "chunked") throw new Malformed(`Transfer-Encoding ${JSON.stringify(coding)}`);
  return "chunked";
}

interface TakenBody {
  readonly body: string;
  readonly trailers: Fields;
  readonly length: number;
}

function takeBody(rest: string, framing: Framing, fields: Fields, ended: boolean): TakenBody | null {
  if (framing === "none") return { body: "", trailers: [], length: 0 };
  if (framing === "close") return ended ? { body: rest, trailers: [], length: rest.length } : null;
  if (framing === "chunked") return takeChunks(rest);
  const length = Number(valuesOf({ fields }, "content-length")[0]);
  return rest.length < length ? null : { body: rest.slice(0, length), trailers: [], length };
}

/** Chunks without extensions and with minimal sizes: what a proxy writes, not what it has to read. */
function takeChunks(rest: string): TakenBody | null {
  const parts: string[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const line = rest.slice(at, lineEnd);
    if (!/^(?:0|[1-9a-fA-F][0-9a-fA-F]{0,12})$/.test(line)) {
      throw new Malformed(`chunk size ${JSON.stringify(line)}`);
    }
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) return takeTrailers(rest, at, parts.join(""));
    if (rest.length < at + size + 2) return null;
    parts.push(rest.slice(at, at + size));
    at += size;
    if (rest.slice(at, at + 2) !== "\r\n") throw new Malformed("no line end after a chunk");
    at += 2;
  }
}

function takeTrailers(rest: string, at: number, body: string): TakenBody | null {
  if (rest.startsWith("\r\n", at)) return { body, trailers: [], length: at + 2 };
  const end = rest.indexOf("\r\n\r\n", at);
  if (end < 0) return null;
  return { body, trailers: rest.slice(at, end).split("\r\n").map(fieldOf), length: end + 4 };
}
