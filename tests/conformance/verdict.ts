/** Judges what was seen of a case; null is a pass, a text says what was wrong. */
import { describe } from "./obligation.ts";
import type { Requirement } from "./smuggling-rows.ts";
import type { Seen } from "./stand.ts";
import { type StrictMessage, statusOf, targetOf, valuesOf } from "./strict.ts";

/** Judges a smuggling row sent by a client. */
export function judgeRequest(row: Requirement & { readonly octets: string }, seen: Seen): string | null {
  if (!seen.freshCanary) return `the canary on a fresh connection failed; ${describe(seen)}`;
  const fault = seen.clientFault;
  if (fault !== null) return `the client got a malformed response: ${fault}; ${describe(seen)}`;
  const findings: string[] = [];
  for (const attempt of attempts(row, seen)) {
    if (attempt === null) return null;
    findings.push(attempt);
  }
  return `${findings.join(" / ")}; ${describe(seen)}`;
}

/** Judges a row that a backend answered with: `once` is the target asked for. */
export function judgeResponse(row: Requirement, seen: Seen, once: string): string | null {
  if (!seen.freshCanary) return `the canary on a fresh connection failed; ${describe(seen)}`;
  const asked = seen.requests.filter((each) => targetOf(each) === once).length;
  if (asked !== 1 || seen.requests.length !== 1) return `asked the backend ${asked} times; ${describe(seen)}`;
  const [only] = finals(seen);
  if (row.late === true && only === undefined && seen.ending !== null && seen.clientFault === null)
    return null;
  if (finals(seen).length !== 1 || only === undefined) return `no single response; ${describe(seen)}`;
  if (seen.clientFault !== null || seen.clientRest !== "") return `octets left over; ${describe(seen)}`;
  const status = statusOf(only);
  if (row.refuse !== undefined && status === 502) return null;
  if (row.serve === undefined) return `${status} instead of 502; ${describe(seen)}`;
  if (status !== 200) return `${status} instead of 200; ${describe(seen)}`;
  return bodyFault(row.serve, only, seen);
}

function bodyFault(serve: NonNullable<Requirement["serve"]>, only: StrictMessage, seen: Seen): string | null {
  if (serve.body !== undefined && only.body !== serve.body) return `another body; ${describe(seen)}`;
  return only.trailers.length > 0 ? `trailers passed on; ${describe(seen)}` : null;
}

function* attempts(row: Requirement & { readonly octets: string }, seen: Seen): Generator<string | null> {
  if (row.refuse !== undefined) yield refused(row.refuse, row.late === true, seen);
  if (row.serve !== undefined) yield served(row.serve, row.octets, seen);
  if (row.other === "drain") yield drained(seen);
  if (row.other === "abort") yield aborted(seen);
  if (row.other === "pipeline") yield pipelined(seen, false);
  if (row.other === "noTunnel") yield pipelined(seen, true);
}

function refused(statuses: readonly number[], late: boolean, seen: Seen): string | null {
  const [only] = finals(seen);
  if (finals(seen).length !== 1 || only === undefined) return `${finals(seen).length} responses`;
  if (!statuses.includes(statusOf(only))) return `${statusOf(only)} instead of ${statuses.join(" or ")}`;
  if (!closes(only)) return "no Connection: close";
  if (seen.ending === null) return "connection not ended";
  if (seen.sameCanary) return "the refused connection went on";
  if (seen.requests.length > 0) return "a request reached the backend whole";
  if (late) return cutShort(seen);
  return seen.fragments.length > 0 ? "octets reached the backend" : null;
}

/** The beginning of a request that reached the backend is canonical, and its connection is gone. */
function cutShort(seen: Seen): string | null {
  const bad = seen.fragments.find((each) => each.fault !== null || each.ending === null);
  return bad === undefined ? null : `not cut short: ${bad.fault ?? "the backend's connection was kept"}`;
}

function served(serve: NonNullable<Requirement["serve"]>, octets: string, seen: Seen): string | null {
  const [answer, second] = finals(seen);
  if (answer === undefined || statusOf(answer) !== 200) return "not served";
  if (second !== undefined && (serve.leftover !== true || statusOf(second) !== 400))
    return "a second response";
  const [request] = seen.requests;
  if (seen.requests.length !== 1 || request === undefined) return `${seen.requests.length} requests arrived`;
  if (seen.fragments.length > 0) return "more than the request arrived";
  const [method, sent] = octets.trimStart().split(" ");
  const target = serve.target ?? sent;
  if (!request.start.startsWith(`${method} ${target} `)) return `arrived as ${request.start}`;
  if (serve.body !== undefined && request.body !== serve.body) return "another body arrived";
  for (const name of serve.lacks ?? []) {
    if (valuesOf(request, name).length > 0) return `${name} arrived`;
  }
  for (const name of serve.has ?? []) {
    if (valuesOf(request, name).length !== 1) return `${name} did not arrive once`;
  }
  if (serve.without !== undefined && request.octets.includes(serve.without))
    return `${serve.without} arrived`;
  if (serve.leftover === true) return seen.ending === null ? "left-over octets were kept" : null;
  return closes(answer) === seen.sameCanary ? "the connection's fate is not what the response says" : null;
}

function drained(seen: Seen): string | null {
  const [only] = finals(seen);
  if (finals(seen).length !== 1 || only === undefined) return `${finals(seen).length} responses`;
  if (seen.requests.length + seen.fragments.length > 0) return "octets reached the backend";
  return seen.sameCanary || seen.ending !== null ? null : "neither drained nor closed";
}

function aborted(seen: Seen): string | null {
  if (seen.requests.length > 0) return "a cut request reached the backend whole";
  if (finals(seen).some((each) => statusOf(each) < 400)) return "a cut request was answered as if whole";
  return cutShort(seen);
}

function pipelined(seen: Seen, mayClose: boolean): string | null {
  if (seen.fragments.length > 0) return "octets outside a request reached the backend";
  const targets = seen.requests.map(targetOf).join(" ");
  const stops = mayClose && targets === "/" && seen.ending !== null;
  if (targets !== "/ /smug" && !stops) return `requests arrived: ${targets}`;
  if (seen.requests.some((each) => valuesOf(each, "x-forwarded-for").length !== 1))
    return "forwarded as it was";
  return finals(seen).length === seen.requests.length ? null : `${finals(seen).length} responses`;
}

function finals(seen: Seen): readonly StrictMessage[] {
  return seen.responses.filter((each) => statusOf(each) >= 200);
}

function closes(message: StrictMessage): boolean {
  return valuesOf(message, "connection").some((value) => value.toLowerCase() === "close");
}
