/** From a registration's words to endpoints that may be used, or to what is wrong with them. */
import { isIP } from "node:net";
import { isLoopback } from "../../../core/http/cidr.ts";
import { agentDefaultUrl } from "../../../core/plane/endpoint-url.ts";
import type { Endpoint } from "../../../core/plane/snapshot.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import type { Admitted } from "../registry/backend-record.ts";
import type { EndpointPolicy } from "./endpoint-policy.ts";

export type Admission =
  | { readonly ok: true; readonly admitted: Admitted; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** A URL to judge, with the field that it came from. */
interface Candidate {
  readonly field: string;
  readonly url: string;
  readonly paths: readonly string[];
}

/** Judges every endpoint of a registration; `peer` is the address that sent it. */
export async function admit(
  registration: Registration,
  peer: string,
  policy: EndpointPolicy,
): Promise<Admission> {
  const candidates = candidatesOf(registration, peer);
  if (candidates.length === 0) return { ok: false, errors: [nowhere(registration)] };
  const loopbackAllowed = isLoopback(peer);
  const errors: FieldError[] = [];
  const endpoints: Endpoint[] = [];
  const warnings: string[] = [];
  const verdicts = await Promise.all(candidates.map(({ url }) => policy.judge(url, loopbackAllowed)));
  for (const [index, verdict] of verdicts.entries()) {
    const candidate = candidates[index];
    if (verdict.ok) {
      endpoints.push(verdict.endpoint);
      if (verdict.warning !== null) warnings.push(verdict.warning);
    } else if (candidate !== undefined) {
      errors.push({ field: candidate.field, rule: verdict.rule, got: candidate.url });
    }
  }
  if (errors.length > 0) return { ok: false, errors };
  const patterns = candidates.map(({ paths }) => paths);
  return { ok: true, admitted: { registration, endpoints, patterns, loopbackAllowed }, warnings };
}

/** The first that is given of `endpoints`, `endpoint_url`, `local_ip`, `public_ip`; the original's order. */
function candidatesOf(registration: Registration, peer: string): Candidate[] {
  const listed = registration.endpoints ?? [];
  if (listed.length > 0) {
    return listed.map((endpoint, index) => ({
      field: `endpoints[${index}].url`,
      url: endpoint.url,
      paths: endpoint.paths ?? [],
    }));
  }
  const url = registration.endpoint_url ?? "";
  if (url !== "") return single("endpoint_url", url);
  const local = registration.local_ip ?? "";
  if (isIP(local) !== 0) {
    // An agent that found no other address of its own means the one that it speaks from.
    const isElsewhere = isLoopback(local) && !isLoopback(peer) && isIP(peer) !== 0;
    return single("local_ip", agentDefaultUrl(isElsewhere ? peer : local));
  }
  const published = registration.public_ip ?? "";
  return isIP(published) === 0 ? [] : single("public_ip", agentDefaultUrl(published));
}

function single(field: string, url: string): Candidate[] {
  return [{ field, url, paths: [] }];
}

function nowhere(registration: Registration): FieldError {
  return {
    field: "endpoint_url",
    rule: "must say where the backend takes requests, unless endpoints, local_ip or public_ip (an IP address) does",
    got: registration.endpoint_url ?? null,
  };
}
