/**
 * Spans in the JSON form of OTLP (opentelemetry-proto 1.3, trace.proto; "JSON Protobuf encoding" of the protocol's
 * specification): ids in hexadecimal, 64-bit numbers as text, enumerations as numbers.
 */

export type AttributeValue = string | number | boolean;

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** "" = none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client";
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  /** undefined = left out. */
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>;
  /** Why it failed; null = it did not. */
  readonly error: string | null;
}

const KINDS = { internal: 1, server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
/** Texts of clients are cut here. */
const MAX_TEXT = 1024;

/** Gives one span as JSON. */
export function encodeSpan(span: Span): string {
  return JSON.stringify({
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId !== "" && { parentSpanId: span.parentSpanId }),
    ...(span.traceState !== "" && { traceState: span.traceState }),
    flags: 1,
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(Math.max(span.startMs, span.endMs)),
    attributes: encodeAttributes(span.attributes),
    ...(span.error !== null && { status: { code: STATUS_ERROR, message: span.error.slice(0, MAX_TEXT) } }),
  });
}

/** Wraps spans, JSON objects joined by commas, into the body of a request to a collector. */
export function encodeExport(spans: string, resource: Span["attributes"], version: string): string {
  const attributes = JSON.stringify(encodeAttributes(resource));
  const scope = JSON.stringify({ name: "opsen", version });
  return `{"resourceSpans":[{"resource":{"attributes":${attributes}},"scopeSpans":[{"scope":${scope},"spans":[${spans}]}]}]}`;
}

function encodeAttributes(attributes: Span["attributes"]): unknown[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: encodeValue(value) }],
  );
}

function encodeValue(value: AttributeValue): unknown {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "string") return { stringValue: value.slice(0, MAX_TEXT) };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** A double holds microseconds of our time; the three digits behind them are none of ours. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}
