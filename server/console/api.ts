/** Calls of the management API, with the cookie of the log-in. */
import { signal } from "./store/signal.ts";

/** What went wrong, in the server's words. */
export class ApiError extends Error {
  readonly status: number;
  /** By field, where fields were at fault. */
  readonly errors: readonly { readonly field: string; readonly rule: string }[];

  constructor(status: number, detail: string, errors: ApiError["errors"] = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

export interface Answer<Value> {
  readonly value: Value;
  readonly etag: string | null;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly ifMatch?: string | null;
}

/** Whether the log-in has ended: the page says so, once. */
export const loggedOut = signal(false);

/** Calls the API and gives its answer; throws an {@link ApiError} that says what to do. */
export async function call<Value>(path: string, options: CallOptions = {}): Promise<Answer<Value>> {
  return request<Value>(`/console/api${path}`, options);
}

/** Calls what the console itself answers, such as `/console/session`. */
export async function request<Value>(url: string, options: CallOptions = {}): Promise<Answer<Value>> {
  const { method = "GET", body, ifMatch } = options;
  const headers: Record<string, string> = { "X-Requested-With": "opsen-console" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (ifMatch !== undefined && ifMatch !== null) headers["If-Match"] = ifMatch;
  const response = await fetch(url, {
    method,
    headers,
    credentials: "same-origin",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiError(0, "The server cannot be reached. It may be restarting; the page tries on.");
  });
  if (response.status === 401) loggedOut.set(true);
  const text = await response.text();
  const value: unknown = text === "" ? null : parse(text);
  if (!response.ok) throw failure(response, value);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the server's documentation says; views expect that members may be missing
  return { value: value as Value, etag: response.headers.get("ETag") };
}

/** Whether a call failed because the server has no such operation. */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 405);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function failure(response: Response, value: unknown): ApiError {
  const problem = typeof value === "object" && value !== null ? value : {};
  const detail = "detail" in problem && typeof problem.detail === "string" ? problem.detail : "";
  const errors =
    "errors" in problem && Array.isArray(problem.errors) ? (problem.errors as ApiError["errors"]) : []; // RFC 9457 problems of this server
  const wait = response.headers.get("Retry-After");
  const hint = response.status === 429 && wait !== null ? ` Try again in ${wait} s.` : "";
  return new ApiError(response.status, (detail || `The server answered ${response.status}.`) + hint, errors);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
