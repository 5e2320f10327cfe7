/**
 * The field names that mean something to a proxy. Each has a kind, found by length and first letter,
 * and flags that say where it must not pass.
 */
import { FOLD } from "./byte-class.ts";

/** Not forwarded to backends as the client sent it: hop-by-hop, or ours to write. */
export const DROP_REQUEST = 1;
/** Not forwarded to clients as the backend sent it. */
export const DROP_RESPONSE = 2;
/** Not allowed as a trailer: framing, routing, authentication, content (RFC 9110 section 6.5.1). */
export const DROP_TRAILER = 4;
/** A message that spells the name with "_", or names it in Connection, wants its framing or routing misread. */
export const CRITICAL = 8;
/** Tells of the certificate of a client: believed of trusted proxies alone. */
export const CERTIFICATE = 16;
/** Asks for less than the whole: not sent on when the whole is wanted for the cache. */
export const CONDITIONAL = 32;

const HOP_BY_HOP = DROP_REQUEST | DROP_RESPONSE | DROP_TRAILER;
const OURS = DROP_REQUEST | DROP_TRAILER;

/** Not true any more of an answer that is sent in another coding. */
export const DEPENDS_ON_CODING = 32;

/** Name and flags; the index in this list plus one is the kind. */
const NAMES = [
  ["host", OURS | CRITICAL],
  ["content-length", HOP_BY_HOP | CRITICAL],
  ["transfer-encoding", HOP_BY_HOP | CRITICAL],
  ["connection", HOP_BY_HOP],
  ["upgrade", HOP_BY_HOP],
  ["expect", OURS],
  ["te", HOP_BY_HOP],
  ["max-forwards", DROP_TRAILER],
  ["via", DROP_TRAILER],
  ["content-type", DROP_TRAILER],
  ["date", DROP_TRAILER],
  ["www-authenticate", DROP_TRAILER],
  ["x-request-id", DROP_TRAILER],
  ["x-opsen-", OURS],
  ["x-opsen-error", OURS | DROP_RESPONSE],
  ["trailer", HOP_BY_HOP],
  ["keep-alive", HOP_BY_HOP],
  ["proxy-connection", HOP_BY_HOP],
  ["proxy-authorization", HOP_BY_HOP],
  ["proxy-authenticate", HOP_BY_HOP],
  ["proxy-authentication-info", HOP_BY_HOP],
  ["http2-settings", HOP_BY_HOP],
  ["forwarded", OURS],
  ["x-forwarded-for", OURS],
  ["x-forwarded-proto", OURS],
  ["x-forwarded-host", OURS],
  ["x-forwarded-port", OURS],
  ["x-real-ip", OURS],
  ["x-lb-client-id", OURS],
  ["x-lb-hostname", OURS],
  ["x-client-cert-subject", CERTIFICATE | DROP_TRAILER],
  ["client-cert", CERTIFICATE | DROP_TRAILER],
  ["client-cert-chain", CERTIFICATE | DROP_TRAILER],
  ["authorization", DROP_TRAILER],
  ["cookie", DROP_TRAILER],
  ["set-cookie", DROP_TRAILER],
  ["x-api-key", DROP_TRAILER],
  ["content-encoding", DROP_TRAILER],
  ["content-range", DROP_TRAILER],
  ["content-location", DROP_TRAILER],
  ["content-disposition", DROP_TRAILER],
  ["content-language", DROP_TRAILER],
  ["content-security-policy", DROP_TRAILER],
  ["cache-control", DROP_TRAILER],
  ["pragma", DROP_TRAILER],
  ["range", DROP_TRAILER | CONDITIONAL],
  ["if-match", DROP_TRAILER | CONDITIONAL],
  ["if-none-match", DROP_TRAILER | CONDITIONAL],
  ["if-modified-since", DROP_TRAILER | CONDITIONAL],
  ["if-unmodified-since", DROP_TRAILER | CONDITIONAL],
  ["if-range", DROP_TRAILER | CONDITIONAL],
  ["age", DROP_TRAILER],
  ["expires", DROP_TRAILER],
  ["location", DROP_TRAILER],
  ["retry-after", DROP_TRAILER],
  ["vary", DROP_TRAILER],
  ["warning", DROP_TRAILER],
  ["origin", DROP_TRAILER],
  ["referer", DROP_TRAILER],
  ["accept-encoding", DROP_TRAILER],
  ["traceparent", DROP_TRAILER],
  ["tracestate", DROP_TRAILER],
  ["accept-ranges", DEPENDS_ON_CODING],
  ["etag", DEPENDS_ON_CODING],
] as const satisfies readonly (readonly [string, number])[];

type KnownName = (typeof NAMES)[number][0];

/** The kind of a name that is not in the table. */
const UNKNOWN = 0;
/** The kind of a field line that was meant for us and goes no further. */
export const TAKEN = 127;
/** Added to the kind of a known name that is spelt with "_" for a "-". */
export const UNDERSCORED = 128;

/** Flags by kind, also by kind + UNDERSCORED. */
export const FLAGS: Uint8Array = makeFlags();

const LONGEST_NAME = 32;
/** First kind by length and first letter, and the kind to try next. */
const FIRST_KIND = new Uint8Array(LONGEST_NAME * 32);
const NEXT_KIND = new Uint8Array(NAMES.length + 1);
const NAME_BYTES = new Uint8Array(LONGEST_NAME * (NAMES.length + 1));
fillTables();

export const HOST_FIELD = kindOf("host");
export const CONTENT_LENGTH = kindOf("content-length");
export const TRANSFER_ENCODING = kindOf("transfer-encoding");
export const CONNECTION = kindOf("connection");
export const UPGRADE = kindOf("upgrade");
export const EXPECT = kindOf("expect");
export const TE = kindOf("te");
export const MAX_FORWARDS = kindOf("max-forwards");
export const VIA = kindOf("via");
export const CONTENT_TYPE = kindOf("content-type");
export const DATE = kindOf("date");
export const WWW_AUTHENTICATE = kindOf("www-authenticate");
export const X_REQUEST_ID = kindOf("x-request-id");
export const AUTHORIZATION = kindOf("authorization");
export const PROXY_AUTHORIZATION = kindOf("proxy-authorization");
export const COOKIE = kindOf("cookie");
export const SET_COOKIE = kindOf("set-cookie");
export const X_API_KEY = kindOf("x-api-key");
export const KEEP_ALIVE = kindOf("keep-alive");
export const ACCEPT_ENCODING = kindOf("accept-encoding");
export const TRACEPARENT = kindOf("traceparent");
export const TRACESTATE = kindOf("tracestate");
export const ETAG = kindOf("etag");
export const IF_MATCH = kindOf("if-match");
export const IF_UNMODIFIED_SINCE = kindOf("if-unmodified-since");
export const PROXY_CONNECTION = kindOf("proxy-connection");

const X_OPSEN = kindOf("x-opsen-");
const X_OPSEN_LENGTH = "x-opsen-".length;

/** Finds the kind of the name in bytes[start, end); UNKNOWN for names without one. */
export function fieldKind(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length >= LONGEST_NAME || length === 0) return UNKNOWN;
  const letter = bytes[start]! & 31;
  for (let kind = FIRST_KIND[length * 32 + letter]!; kind !== 0; kind = NEXT_KIND[kind]!) {
    const spelling = spelledAs(kind, bytes, start, length);
    if (spelling >= 0) return kind + spelling;
  }
  // "x" is 24: every X-Opsen-* name is ours, not only the listed ones.
  if (letter === 24 && length > X_OPSEN_LENGTH && spelledAs(X_OPSEN, bytes, start, X_OPSEN_LENGTH) >= 0) {
    return X_OPSEN;
  }
  return UNKNOWN;
}

/** Tells whether bytes[start, end) spell the lower-case ASCII text, in any case. */
export function spells(bytes: Uint8Array, start: number, end: number, lowerText: string): boolean {
  if (end - start !== lowerText.length) return false;
  for (let index = 0; index < lowerText.length; index++) {
    const octet = bytes[start + index]!;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    if (lower !== lowerText.charCodeAt(index)) return false;
  }
  return true;
}

/** 0 when the bytes spell that name, UNDERSCORED when they do with "_" for a "-", else -1. */
function spelledAs(kind: number, bytes: Uint8Array, start: number, length: number): number {
  const base = kind * LONGEST_NAME;
  let spelling = 0;
  for (let index = 0; index < length; index++) {
    const octet = bytes[start + index]!;
    if (FOLD[octet] !== NAME_BYTES[base + index]) return -1;
    if (octet === 0x5f) spelling = UNDERSCORED;
  }
  return spelling;
}

function kindOf(name: KnownName): number {
  return NAMES.findIndex(([known]) => known === name) + 1;
}

/** A "_" spelling is dropped like the real name where that is ours or hop-by-hop, and otherwise means nothing. */
function makeFlags(): Uint8Array {
  const flags = new Uint8Array(256);
  NAMES.forEach(([, bits], index) => {
    flags[index + 1] = bits;
    flags[index + 1 + UNDERSCORED] = bits;
  });
  flags[TAKEN] = DROP_REQUEST;
  return flags;
}

function fillTables(): void {
  NAMES.forEach(([name], index) => {
    const kind = index + 1;
    for (let at = 0; at < name.length; at++) NAME_BYTES[kind * LONGEST_NAME + at] = name.charCodeAt(at);
    const bucket = name.length * 32 + (name.charCodeAt(0) & 31);
    NEXT_KIND[kind] = FIRST_KIND[bucket] ?? 0;
    FIRST_KIND[bucket] = kind;
  });
}
