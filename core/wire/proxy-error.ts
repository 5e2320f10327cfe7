/** Codes of the errors that Opsen itself answers on proxied paths, sent as `X-Opsen-Error`. */

export const PROXY_ERROR_HEADER = "X-Opsen-Error";

export const PROXY_ERROR_STATUS = {
  bad_request: 400,
  unknown_tier: 400,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  slow_request: 408,
  body_too_large: 413,
  uri_too_long: 414,
  expectation_failed: 417,
  rate_limited: 429,
  header_too_large: 431,
  not_implemented: 501,
  bad_gateway: 502,
  no_backend: 503,
  no_capacity: 503,
  queue_timeout: 503,
  gateway_timeout: 504,
  total_timeout: 504,
  loop: 508,
} as const;

export type ProxyErrorCode = keyof typeof PROXY_ERROR_STATUS;

export const PROXY_ERROR_CODES: readonly ProxyErrorCode[] = Object.keys(PROXY_ERROR_STATUS).filter((code) =>
  isProxyErrorCode(code),
);

function isProxyErrorCode(text: string): text is ProxyErrorCode {
  return Object.hasOwn(PROXY_ERROR_STATUS, text);
}
