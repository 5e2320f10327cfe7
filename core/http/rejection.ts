import type { ProxyErrorCode } from "../wire/proxy-error.ts";

/** Why a request is refused; `reason` is for the log and never holds bytes of the client. */
export interface Rejection {
  readonly status: number;
  readonly code: ProxyErrorCode;
  readonly reason: string;
}

/** Makes a refusal with 400. */
export function badRequest(reason: string): Rejection {
  return { status: 400, code: "bad_request", reason };
}

export const URI_TOO_LONG: Rejection = { status: 414, code: "uri_too_long", reason: "target too long" };

export const HEAD_TOO_LARGE: Rejection = { status: 431, code: "header_too_large", reason: "head too large" };

export const TOO_MANY_HEADERS: Rejection = {
  status: 431,
  code: "header_too_large",
  reason: "too many fields",
};

export const VERSION_NOT_SUPPORTED: Rejection = {
  status: 505,
  code: "bad_request",
  reason: "HTTP version other than 1.x",
};

/** CONNECT would open a tunnel and TRACE would echo credentials: neither is offered. */
export const METHOD_NOT_IMPLEMENTED: Rejection = {
  status: 501,
  code: "not_implemented",
  reason: "method CONNECT or TRACE",
};

export const EXPECTATION_FAILED: Rejection = {
  status: 417,
  code: "expectation_failed",
  reason: "expectation other than 100-continue",
};
