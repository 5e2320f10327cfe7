/** Rules that tie the entries of `backends` together. */
import { parseEndpointUrl } from "../../plane/endpoint-url.ts";
import { check } from "../../schema/check.ts";
import { parseDnsTarget } from "../../schema/formats.ts";
import { showGot } from "../../schema/rule.ts";
import { CLIENT_ID, ClientId } from "../../wire/registration.ts";
import type { BackendConfig } from "../schema/backend-schema.ts";
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

/** Lists the circles of backups that terms of backends with an agent close; paths are those of the entries together. */
export function circlesOf(entries: readonly BackendConfig[]): CrossFault[] {
  return backupFaults(entries, entries.map(backendIdOf));
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
    // Who writes a password where none is to be need not find it in the log too.
    const got = text.includes("@") ? "" : `, got ${showGot(text)}`;
    return [{ path: ["backends", index, ...path], message: parsed.rule + got }];
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
  const places = firstPlaces(ids);
  return ids.flatMap((id, index) => {
    const first = places.get(id);
    if (id !== "" && backends[index]?.id === undefined && check(ClientId, id).length > 0) {
      const message = `needs an id: that of its address, ${showGot(id)}, would not be ${CLIENT_ID.expected}`;
      return [{ path: ["backends", index], message }];
    }
    if (id === "" || first === index) return [];
    const path = ["backends", index, ...(backends[index]?.id === undefined ? [] : ["id"])];
    return [{ path, message: `${showGot(id)} is backends[${first}] already; give it another id` }];
  });
}

/** Where each id stands first. */
function firstPlaces(ids: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [index, id] of ids.entries()) if (!places.has(id)) places.set(id, index);
  return places;
}

/** A backup of a backup may be, but not in a circle: then each would wait for the next. */
function backupFaults(backends: readonly BackendConfig[], ids: readonly string[]): CrossFault[] {
  const places = firstPlaces(ids);
  const next = backends.map(({ backup }) =>
    typeof backup === "string" ? (places.get(backup) ?? NOWHERE) : NOWHERE,
  );
  return circling(next).map((index) => {
    const path = ["backends", index, "backup"];
    if (next[index] === index) return { path, message: "must not be the backup of itself" };
    return { path, message: `goes in a circle: ${circleText(ids, next, index)}` };
  });
}

const NOWHERE = -1;

/** The places from which `next` leads back to them, in order; each place is passed at most twice. */
function circling(next: readonly number[]): number[] {
  const passedFrom: number[] = [];
  const found: number[] = [];
  for (const start of next.keys()) {
    let at = start;
    while (at !== NOWHERE && passedFrom[at] === undefined) {
      passedFrom[at] = start;
      at = next[at] ?? NOWHERE;
    }
    // Who was passed before, from another start, has been judged.
    if (passedFrom[at] !== start) continue;
    const first = at;
    do {
      found.push(at);
      at = next[at] ?? NOWHERE;
    } while (at !== first);
  }
  return found.toSorted((a, b) => a - b);
}

function circleText(ids: readonly string[], next: readonly number[], start: number): string {
  const names: string[] = [];
  let at = start;
  do {
    names.push(ids[at] ?? "");
    at = next[at] ?? NOWHERE;
  } while (at !== start && names.length < MAX_NAMES);
  return [...names, ...(at === start ? [] : ["…"]), ids[start] ?? ""].join(" → ");
}

const MAX_NAMES = 10;

/** One weight of 0 takes a backend out softly; all of them would take the service out. */
function weightFaults(backends: readonly BackendConfig[]): CrossFault[] {
  if (backends.length === 0 || backends.some(({ weight }) => weight !== 0)) return [];
  return [{ path: ["backends"], message: "must not all have weight 0: no request could be sent anywhere" }];
}
