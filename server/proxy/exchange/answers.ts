import { PROBLEM_CONTENT_TYPE, type Problem } from "../../../core/wire/problem.ts";
import {
  PROXY_ERROR_HEADER,
  PROXY_ERROR_STATUS,
  type ProxyErrorCode,
} from "../../../core/wire/proxy-error.ts";
import type { Header } from "../context.ts";

/** An answer of the worker itself, before framing. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: string;
}

const NO_SNIFF: Header = ["X-Content-Type-Options", "nosniff"];

const PROXY_ERROR_TEXTS: Record<ProxyErrorCode, string> = {
  bad_request: "The request is not valid HTTP.",
  unknown_tier: "The request names a tier that does not exist.",
  forbidden: "This address may not use this service.",
  not_found: "Nothing is served at this path.",
  method_not_allowed: "This method is not allowed.",
  slow_request: "The request took too long to arrive.",
  body_too_large: "The request body is too large.",
  uri_too_long: "The request target is too long.",
  expectation_failed: "The expectation cannot be met.",
  rate_limited: "Too many requests from this address.",
  header_too_large: "The request head is too large.",
  not_implemented: "This is not implemented.",
  bad_gateway: "The backend gave no valid answer.",
  no_backend: "No backend can take the request now.",
  no_capacity: "All backends are busy.",
  queue_timeout: "All backends stayed busy for too long.",
  gateway_timeout: "The backend took too long to answer.",
  total_timeout: "The request took too long altogether.",
  loop: "The request came back to this proxy.",
};

/** Makes the short text answer to a request on a proxied path. */
export function proxyError(
  code: ProxyErrorCode,
  status: number = PROXY_ERROR_STATUS[code],
  extra: readonly Header[] = [],
): Answer {
  return {
    status,
    headers: [
      ["Content-Type", "text/plain; charset=utf-8"],
      NO_SNIFF,
      [PROXY_ERROR_HEADER, code],
      ["Cache-Control", "no-store"],
      ...extra,
    ],
    body: `${PROXY_ERROR_TEXTS[code]}\n`,
  };
}

/** Makes an error of the management API (RFC 9457); the security headers come with every management answer. */
export function problem(
  status: number,
  title: string,
  detail: string,
  extra: readonly Header[] = [],
  errors?: Problem["errors"],
): Answer {
  const body: Problem = {
    type: "about:blank",
    title,
    status,
    detail,
    ...(errors === undefined ? {} : { errors }),
  };
  return {
    status,
    headers: [["Content-Type", PROBLEM_CONTENT_TYPE], ["Cache-Control", "no-store"], ...extra],
    body: `${JSON.stringify(body)}\n`,
  };
}

/** Makes a JSON answer of the management API. */
export function json(status: number, value: unknown): Answer {
  return {
    status,
    headers: [
      ["Content-Type", "application/json"],
      ["Cache-Control", "no-store"],
    ],
    body: `${JSON.stringify(value)}\n`,
  };
}

/** Gives the value of Retry-After for a wait in milliseconds. */
export function retryAfter(waitMs: number): Header {
  return ["Retry-After", String(Math.max(1, Math.ceil(waitMs / 1000)))];
}
