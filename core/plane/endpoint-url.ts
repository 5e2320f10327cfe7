/** From a registered URL to the place that is connected to. */
import type { Endpoint } from "./snapshot.ts";

export type EndpointUrl =
  | { readonly ok: true; readonly endpoint: Endpoint }
  /** `rule` says what would be right. */
  | { readonly ok: false; readonly rule: string };

const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** Port at which the original's agents expect their backend when nothing else is said. */
const AGENT_DEFAULT_PORT = 11_000;

/** Reads an absolute http(s) URL with a host, without credentials, query and fragment. */
export function parseEndpointUrl(text: string): EndpointUrl {
  // The URL parser drops tabs and newlines and turns backslashes into slashes; what it would change is refused.
  if (!/^[!-[\]-~]+$/.test(text))
    return { ok: false, rule: "must have no spaces, control characters, backslashes" };
  if (!/^https?:\/\/[^/]/i.test(text))
    return { ok: false, rule: "must be an absolute http:// or https:// URL" };
  if (!URL.canParse(text)) return { ok: false, rule: "must be an absolute http:// or https:// URL" };
  const url = new URL(text);
  const scheme = url.protocol === "https:" ? "https" : "http";
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
        host,
        port,
        authority: url.host,
        basePath: url.pathname.replace(/\/+$/, ""),
        key: `${scheme}://${url.hostname}:${port}`,
      },
    },
  };
}

/** URL of a backend that names only its address, as the original forms it. */
export function agentDefaultUrl(address: string): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${AGENT_DEFAULT_PORT}`;
}
