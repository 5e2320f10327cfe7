/** W3C Trace Context: the fields `traceparent` and `tracestate` (https://www.w3.org/TR/trace-context-1/, sections 3.2 and 3.3). */

export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 of them: the span of the caller. */
  readonly spanId: string;
  /** The caller records its part. */
  readonly sampled: boolean;
}

const PARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const SAMPLED = 0x01;
/** Section 3.3.1.1. */
const MAX_MEMBERS = 32;
/** At least 512 must be passed on; longer ones are somebody's mistake. */
const MAX_STATE_LENGTH = 1024;
const KEY = /^(?:[a-z][\w*/-]{0,255}|[a-z\d][\w*/-]{0,240}@[a-z][\w*/-]{0,13})$/;
/** Section 3.3.1.3.2: printable ASCII without comma and equals sign, and no blank at the end. */
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Reads a traceparent, of a later version too (section 4.3); null for none that is valid. Several fields are none. */
export function parseTraceParent(value: string | null): TraceParent | null {
  if (value === null) return null;
  const match = PARENT.exec(value);
  if (match === null) return null;
  const [, version, traceId = "", spanId = "", flags = "", more] = match;
  if (version === "ff" || (version === "00" && more !== undefined)) return null;
  if (isZero(traceId) || isZero(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** Writes a traceparent of the version that we know; flags that we do not know are left out (section 4.3). */
export function formatTraceParent({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** Gives the tracestate to pass on, members in their order and empty ones left out; "" when it is not valid. */
export function validTraceState(value: string | null): string {
  if (value === null || value.length > MAX_STATE_LENGTH) return "";
  const members = value.split(",").map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ""));
  const present = members.filter((member) => member !== "");
  const keys = new Set<string>();
  for (const member of present) {
    const equals = member.indexOf("=");
    const key = member.slice(0, Math.max(0, equals));
    if (!KEY.test(key) || /[A-Z]/.test(key) || !VALUE.test(member.slice(equals + 1))) return "";
    keys.add(key);
  }
  return present.length > MAX_MEMBERS || keys.size < present.length ? "" : present.join(",");
}

/** Tells whether a trace that begins here is recorded: the same for all who see its id. */
export function isSampled(traceId: string, percent: number): boolean {
  return Number.parseInt(traceId.slice(-8), 16) < (percent / 100) * 2 ** 32;
}

function isZero(digits: string): boolean {
  return /^0+$/.test(digits);
}
