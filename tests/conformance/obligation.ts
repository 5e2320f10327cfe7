/** One row of the list of a proxy's obligations as data, and its judge. */
import type { Json } from "../support/json.ts";
import type { CaseOptions, Facts, Seen } from "./stand.ts";
import { type StrictMessage, statusOf, valuesOf } from "./strict.ts";

type Value = string | RegExp;

/** What must be true of the fields of a message. */
export interface FieldRules {
  /** Exactly these values, in this order. */
  readonly has?: Readonly<Record<string, Value | readonly Value[]>>;
  readonly lacks?: readonly string[];
  /** All lines with these names, in order, names as written. */
  readonly order?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  readonly trailers?: readonly (readonly [name: string, value: string])[];
  /** Text that must not appear anywhere in the message. */
  readonly without?: string;
}

export interface Arrived extends FieldRules {
  readonly line?: string;
}

export interface Obligation extends CaseOptions {
  readonly id: string;
  readonly about: string;
  readonly send: string | ((facts: Facts) => string);
  /** Statuses of all responses in order, informational ones too; a list within stands for a choice. */
  readonly status?: readonly (number | readonly number[])[];
  /** The response must not look complete: a 502, or a beginning and the end of the connection, as `cut` says. */
  readonly cut?: "ended" | "reset";
  /** The connection ends after the response; default: as the response itself says. */
  readonly closes?: boolean;
  /** What the last response must be. */
  readonly client?: FieldRules;
  /** What the backend got, in order; empty: not an octet. Left out: not judged. */
  readonly backend?: readonly Arrived[];
  /** Whether the backend's connection serves another request afterwards, where it was to be kept. */
  readonly reused?: boolean;
}

/** Rows that one server serves, with its configuration. */
export interface ObligationTable {
  readonly config: Json;
  readonly rows: readonly Obligation[];
}

/** Judges what was seen; null is a pass. */
export function judge(row: Obligation, seen: Seen): string | null {
  const finding = judgeClient(row, seen) ?? judgeBackend(row, seen);
  return finding === null ? null : `${finding}; ${describe(seen)}`;
}

function judgeClient(row: Obligation, seen: Seen): string | null {
  if (!seen.freshCanary) return "the canary on a fresh connection failed";
  if (seen.clientFault !== null) return `malformed response: ${seen.clientFault}`;
  if (row.cut !== undefined) return judgeCut(row.cut, seen);
  const statuses = seen.responses.map(statusOf);
  const wanted = row.status ?? [200];
  const fits =
    statuses.length === wanted.length &&
    wanted.every((each, at) => [each].flat().some((choice) => choice === statuses[at]));
  if (!fits) return `statuses ${JSON.stringify(statuses)} instead of ${JSON.stringify(wanted)}`;
  if (seen.clientRest !== "") return "octets after the response";
  const last = seen.responses.at(-1);
  if (last === undefined) return row.closes === true && seen.ending === null ? "not ended" : null;
  if (row.halfClose !== true) {
    const closes = saysClose(last);
    if (row.closes !== undefined && row.closes !== closes) return `Connection: close is ${closes}`;
    if (closes === seen.sameCanary) return "the connection's fate is not what the response says";
    if (closes && seen.ending === null) return "the connection was not ended";
  }
  return row.client === undefined ? null : judgeFields(row.client, last, "response");
}

function judgeCut(how: "ended" | "reset", seen: Seen): string | null {
  const [only] = seen.responses;
  if (only !== undefined) {
    return seen.responses.length === 1 && statusOf(only) === 502 ? null : "a cut response looks complete";
  }
  if (seen.ending === null) return "the connection was not ended";
  if (how === "reset" && seen.ending !== "reset") return "FIN instead of RST";
  return seen.clientRest.indexOf("HTTP/1.1 ", 1) < 0 ? null : "a second status line";
}

function judgeBackend(row: Obligation, seen: Seen): string | null {
  if (row.reused !== undefined && seen.reused !== null && seen.reused !== row.reused) {
    return row.reused ? "the backend's connection was not reused" : "the backend's connection was reused";
  }
  const { backend } = row;
  if (backend === undefined) return null;
  if (seen.fragments.length > 0) return "octets beside whole requests reached the backend";
  if (seen.requests.length !== backend.length) {
    return `${seen.requests.length} requests arrived instead of ${backend.length}`;
  }
  for (const [at, wanted] of backend.entries()) {
    const got = seen.requests[at];
    if (got === undefined) return "no request";
    if (wanted.line !== undefined && got.start !== wanted.line)
      return `arrived as ${got.start.slice(0, 200)}`;
    const finding = judgeFields(wanted, got, "request");
    if (finding !== null) return finding;
  }
  return null;
}

function judgeFields(rules: FieldRules, message: StrictMessage, what: string): string | null {
  for (const [name, wanted] of Object.entries(rules.has ?? {})) {
    const values = valuesOf(message, name);
    const list = [wanted].flat();
    const fits = values.length === list.length && list.every((each, at) => matches(each, values[at] ?? ""));
    if (!fits) return `${what}: ${name} is ${JSON.stringify(values)}`;
  }
  for (const name of rules.lacks ?? []) {
    if (valuesOf(message, name).some((value) => !isOwnClose(name, value))) return `${what}: ${name} is there`;
  }
  if (rules.order !== undefined) {
    const names = new Set(rules.order.map(([name]) => name.toLowerCase()));
    const lines = message.fields.filter(([name]) => names.has(name.toLowerCase()));
    if (JSON.stringify(lines) !== JSON.stringify(rules.order)) return `${what}: ${JSON.stringify(lines)}`;
  }
  if (rules.body !== undefined && message.body !== rules.body) {
    return `${what}: another body, ${JSON.stringify(message.body.slice(0, 100))}`;
  }
  if (rules.trailers !== undefined && JSON.stringify(message.trailers) !== JSON.stringify(rules.trailers)) {
    return `${what}: trailers ${JSON.stringify(message.trailers)}`;
  }
  if (rules.without !== undefined && message.octets.includes(rules.without)) {
    return `${what}: ${JSON.stringify(rules.without)} is there`;
  }
  return null;
}

function matches(wanted: Value, value: string): boolean {
  return typeof wanted === "string" ? wanted === value : wanted.test(value);
}

/** A proxy that keeps no connections to backends says so; that names no field. */
function isOwnClose(name: string, value: string): boolean {
  return name === "connection" && value === "close";
}

function saysClose(message: StrictMessage): boolean {
  return valuesOf(message, "connection").some((value) => value.toLowerCase() === "close");
}

/** What was seen, short enough to read. */
export function describe(seen: Seen): string {
  return JSON.stringify({
    client: seen.responses.map((each) => each.octets.slice(0, 400)),
    ...(seen.clientRest !== "" && { clientRest: seen.clientRest.slice(0, 300) }),
    ending: seen.ending,
    sameCanary: seen.sameCanary,
    requests: seen.requests.map((each) => each.octets.slice(0, 700)),
    fragments: seen.fragments.map((each) => ({ ...each, octets: each.octets.slice(0, 700) })),
  });
}
