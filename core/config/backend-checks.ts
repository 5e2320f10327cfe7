/** Rules that tie the entries of `backends` together. */
import { parseEndpointUrl } from "../plane/endpoint-url.ts";
import { parseDnsTarget } from "../schema/formats.ts";
import { showGot } from "../schema/rule.ts";
import type { BackendConfig } from "./backend-schema.ts";
import type { CrossFault } from "./cross-check.ts";

/** Gives the id of an entry: what it says, or else the address of what it names; "" when that cannot be told. */
export function backendIdOf({ id, url, endpoints, dns }: BackendConfig): string {
  if (id !== undefined) return id;
  if (dns !== undefined) {
    const target = parseDnsTarget(dns);
    return target === null ? "" : `${target.host}:${target.port}`;
  }
  const parsed = parseEndpointUrl(url ?? endpoints?.[0]?.url ?? "");
  return parsed.ok ? `${parsed.endpoint.origin.host}:${parsed.endpoint.origin.port}` : "";
}

/** Lists what is wrong between the entries of a list that are right by themselves, or in URLs that they hold. */
export function backendFaults(backends: readonly BackendConfig[]): CrossFault[] {
  const ids = backends.map(backendIdOf);
  return [
    ...backends.flatMap((backend, index) => [...placeFaults(backend, index), ...urlFaults(backend, index)]),
    ...idFaults(backends, ids),
    ...backupFaults(backends, ids),
    ...weightFaults(backends),
  ];
}

/** Says what is wrong with the URLs of an entry; paths are those of {@link CrossFault} below the entry. */
function urlFaults({ url, endpoints = [] }: BackendConfig, index: number): CrossFault[] {
  const urls: readonly (readonly [string, readonly (string | number)[]])[] = [
    ...(url === undefined ? [] : [[url, ["url"]] as const]),
    ...endpoints.map((endpoint, place) => [endpoint.url, ["endpoints", place, "url"]] as const),
  ];
  return urls.flatMap(([text, path]) => {
    const parsed = parseEndpointUrl(text);
    if (parsed.ok) return [];
    return [{ path: ["backends", index, ...path], message: `${parsed.rule}, got ${showGot(text)}` }];
  });
}

function placeFaults({ url, endpoints, dns }: BackendConfig, index: number): CrossFault[] {
  const given = [url, endpoints, dns].filter((place) => place !== undefined);
  if (given.length === 1) return [];
  const message =
    given.length === 0
      ? "needs one of url, endpoints and dns: where it takes requests"
      : "must have only one of url, endpoints and dns";
  return [{ path: ["backends", index], message }];
}

function idFaults(backends: readonly BackendConfig[], ids: readonly string[]): CrossFault[] {
  return ids.flatMap((id, index) => {
    const first = ids.indexOf(id);
    if (id === "" || first === index) return [];
    const path = ["backends", index, ...(backends[index]?.id === undefined ? [] : ["id"])];
    return [{ path, message: `${showGot(id)} is backends[${first}] already; give it another id` }];
  });
}

/** A backup of a backup may be, but not in a circle: then each would wait for the next. */
function backupFaults(backends: readonly BackendConfig[], ids: readonly string[]): CrossFault[] {
  const faults: CrossFault[] = [];
  for (const [index, { backup }] of backends.entries()) {
    if (typeof backup !== "string") continue;
    const path = ["backends", index, "backup"];
    if (backup === ids[index]) faults.push({ path, message: "must not be the backup of itself" });
    else if (isInCircle(backends, ids, index)) {
      faults.push({ path, message: `goes in a circle: ${circleText(backends, ids, index)}` });
    }
  }
  return faults;
}

function isInCircle(backends: readonly BackendConfig[], ids: readonly string[], start: number): boolean {
  let at = start;
  for (let steps = 0; steps < backends.length; steps++) {
    const { backup } = backends[at] ?? {};
    if (typeof backup !== "string") return false;
    at = ids.indexOf(backup);
    if (at === start) return true;
    if (at < 0) return false;
  }
  return false;
}

function circleText(backends: readonly BackendConfig[], ids: readonly string[], start: number): string {
  const names: string[] = [];
  let at = start;
  do {
    names.push(ids[at] ?? "");
    const { backup } = backends[at] ?? {};
    at = typeof backup === "string" ? ids.indexOf(backup) : -1;
  } while (at >= 0 && at !== start && names.length <= MAX_NAMES);
  return [...names, ids[start] ?? ""].join(" → ");
}

const MAX_NAMES = 10;

/** One weight of 0 takes a backend out softly; all of them would take the service out. */
function weightFaults(backends: readonly BackendConfig[]): CrossFault[] {
  if (backends.length === 0 || backends.some(({ weight }) => weight !== 0)) return [];
  return [{ path: ["backends"], message: "must not all have weight 0: no request could be sent anywhere" }];
}
