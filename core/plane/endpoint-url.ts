/** From a registered URL to the place that is connected to. */
import type { Endpoint } from "./snapshot.ts";

export type EndpointUrl =
  | { readonly ok: true; readonly endpoint: Endpoint }
  /** `rule` says what would be right. */
  | { readonly ok: false; readonly rule: string };

const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** Port at which the original's agents expect their backend when nothing else is said. */
const AGENT_DEFAULT_PORT = 11_000;

const FORM = "must be an absolute http://, https://, h2:// or h2c:// URL";

/**
 * Reads an absolute URL with a host, without credentials, query and fragment. `h2://` is HTTP/2 over TLS, `h2c://` HTTP/2
 * over plain TCP, without any question of what the backend speaks (RFC 9113 section 3.3).
 */
export function parseEndpointUrl(text: string): EndpointUrl {
  // The URL parser drops tabs and newlines and turns backslashes into slashes; what it would change is refused.
  if (!/^[!-[\]-~]+$/.test(text))
    return { ok: false, rule: "must have no spaces, control characters, backslashes" };
  const [, name = ""] = /^(https?|h2c?):\/\/[^/]/i.exec(text) ?? [];
  const isHttp2 = name.toLowerCase().startsWith("h2");
  const scheme = /^(?:https|h2)$/i.test(name) ? "https" : "http";
  // The URL parser knows the rules for hosts by the schemes that it knows.
  const plain = scheme + text.slice(name.length);
  if (name === "" || !URL.canParse(plain)) return { ok: false, rule: FORM };
  const url = new URL(plain);
  if (url.username !== "" || url.password !== "") return { ok: false, rule: "must have no credentials" };
  if (text.includes("?")) return { ok: false, rule: "must have no query" };
  if (text.includes("#")) return { ok: false, rule: "must have no fragment" };
  if (url.hostname === "") return { ok: false, rule: "must name a host" };
  const port = url.port === "" ? DEFAULT_PORT[scheme] : Number(url.port);
  if (port === 0) return { ok: false, rule: "must name a port from 1 to 65535" };
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  return {
    ok: true,
    endpoint: {
      url: text,
      origin: {
        scheme,
        isHttp2,
        host,
        port,
        authority: url.host,
        basePath: url.pathname.replace(/\/+$/, ""),
        key: `${isHttp2 ? "h2+" : ""}${scheme}://${url.hostname}:${port}`,
      },
    },
  };
}

/** URL of a backend that names only its address, as the original forms it. */
export function agentDefaultUrl(address: string): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${AGENT_DEFAULT_PORT}`;
}
