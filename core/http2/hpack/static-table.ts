/** The static table of HPACK (RFC 7541 appendix A). */

/** Names and values; the first has index 1. */
export const STATIC_FIELDS: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

export const STATIC_SIZE: number = STATIC_FIELDS.length;

/** All names and values in one buffer, and where those of each index lie. */
export const STATIC_BYTES: Buffer = Buffer.from(
  STATIC_FIELDS.map((field) => field.join("")).join(""),
  "latin1",
);
export const STATIC_NAME_AT = new Uint16Array(STATIC_SIZE + 1);
export const STATIC_VALUE_AT = new Uint16Array(STATIC_SIZE + 1);
export const STATIC_END = new Uint16Array(STATIC_SIZE + 1);

const LONGEST_NAME = 32;
/** First index by length and last letter of the name, and the index to try next: names seldom share both. */
const FIRST_BY_SHAPE = new Uint8Array(LONGEST_NAME * 32);
const NEXT_BY_SHAPE = new Uint8Array(STATIC_SIZE + 1);
fillTables();

/** Finds the lowest index whose name is the lower-case bytes[start, end); 0 without one. */
export function staticName(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length >= LONGEST_NAME) return 0;
  let index = FIRST_BY_SHAPE[length * 32 + (bytes[end - 1]! & 31)]!;
  for (; index !== 0; index = NEXT_BY_SHAPE[index]!) {
    if (STATIC_BYTES.compare(bytes, start, end, STATIC_NAME_AT[index], STATIC_VALUE_AT[index]) === 0)
      return index;
  }
  return 0;
}

function fillTables(): void {
  let at = 0;
  STATIC_FIELDS.forEach(([name, value], position) => {
    const index = position + 1;
    STATIC_NAME_AT[index] = at;
    STATIC_VALUE_AT[index] = at + name.length;
    at += name.length + value.length;
    STATIC_END[index] = at;
  });
  // From the last to the first, so that the lowest index of a name is found first.
  for (let index = STATIC_SIZE; index > 0; index--) {
    const name = STATIC_FIELDS[index - 1]![0];
    const shape = name.length * 32 + (name.charCodeAt(name.length - 1) & 31);
    NEXT_BY_SHAPE[index] = FIRST_BY_SHAPE[shape]!;
    FIRST_BY_SHAPE[shape] = index;
  }
}
