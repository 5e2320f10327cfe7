/** The fields of a request as its backend is told them: only by those can a response differ. */
import type { FieldLookup } from "../../../core/cache/vary.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Exchange } from "../exchange/exchange.ts";

type Telling = (exchange: Exchange) => string | null;

const clientsCertificate: Telling = ({ client, head }) =>
  client.door.clientSubject || (client.identity.trustedPeer ? head.join("x-client-cert-subject") : null);
const passedCertificate =
  (name: string): Telling =>
  ({ client, head }) =>
    client.door.clientSubject === "" && client.identity.trustedPeer ? head.join(name) : null;
const nothing: Telling = () => null;

/** What we write ourselves, or keep from backends, whatever a client says. */
const OURS = new Map<string, Telling>([
  ["host", ({ head }) => head.host.toLowerCase()],
  ["x-forwarded-for", ({ facts }) => facts.forwardedFor],
  ["x-forwarded-proto", ({ facts }) => facts.proto],
  ["x-forwarded-host", ({ facts }) => facts.forwardedHost],
  ["x-forwarded-port", nothing],
  ["x-real-ip", ({ facts }) => facts.clientIp],
  ["forwarded", ({ facts }) => facts.forwarded],
  ["x-client-cert-subject", clientsCertificate],
  ["client-cert", passedCertificate("client-cert")],
  ["client-cert-chain", passedCertificate("client-cert-chain")],
]);

/** Gives the lookup for Vary and for the fields of keys. */
export function toldFields(exchange: Exchange): FieldLookup {
  const { head, plane } = exchange;
  // Backends are asked for one thing then, whatever the client accepts.
  const isIdentityOnly = plane.forward.identityOnly === true;
  return (name) => {
    if (isIdentityOnly && name === "accept-encoding") return "identity";
    const ours = OURS.get(name);
    return ours === undefined ? passed(head, name) : ours(exchange);
  };
}

/** Values of the fields of that name that Connection does not take away (RFC 9110 section 7.6.1). */
function passed(head: RequestHead, name: string): string | null {
  const index = head.nominated === 0 ? -1 : head.find(name);
  return index >= 0 && head.isNominated(index) ? null : head.join(name);
}
