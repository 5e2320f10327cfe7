/** The agent's calls to the server: one answer or one failure each, bounded in time and size. */
import { AGENT_TOKEN_HEADER, type Registration } from "../core/wire/registration.ts";
import type { Report } from "../core/wire/report.ts";

/** What a call gave. A failure is anything without an HTTP answer. */
export type CallOutcome =
  | { readonly kind: "answer"; readonly status: number; readonly body: string; readonly retryAfter: string }
  | { readonly kind: "failure"; readonly reason: string };

export interface ServerApiOptions {
  readonly serverUrl: string;
  readonly key: string;
  readonly insecureTls: boolean;
  readonly version: string;
  readonly timeoutMs: number;
}

/** No answer that means anything to the agent is longer. */
const MAX_ANSWER_BYTES = 64 * 1024;

export class ServerApi {
  readonly #options: ServerApiOptions;
  readonly #base: string;

  constructor(options: ServerApiOptions) {
    this.#options = options;
    this.#base = options.serverUrl.replace(/\/+$/, "");
  }

  /** Sends `POST /register`. */
  register(body: Registration, token: string | null, signal: AbortSignal): Promise<CallOutcome> {
    return this.#call("POST", "/register", { body: JSON.stringify(body), token, signal });
  }

  /** Sends `POST /stats`. */
  report(body: Report, token: string | null, signal: AbortSignal): Promise<CallOutcome> {
    return this.#call("POST", "/stats", { body: JSON.stringify(body), token, signal });
  }

  /** Sends `DELETE /clients/{id}`. */
  deregister(clientId: string, token: string | null, signal: AbortSignal): Promise<CallOutcome> {
    return this.#call("DELETE", `/clients/${encodeURIComponent(clientId)}`, { body: null, token, signal });
  }

  /** Sends `POST /clients/{id}/drain`: nothing new for this backend; answered when it is idle, or after `waitSeconds`. */
  drain(
    clientId: string,
    token: string | null,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<CallOutcome> {
    const path = `/clients/${encodeURIComponent(clientId)}/drain?wait=${waitSeconds}`;
    return this.#call("POST", path, { body: null, token, signal, waitMs: waitSeconds * 1000 });
  }

  async #call(
    method: string,
    path: string,
    call: {
      readonly body: string | null;
      readonly token: string | null;
      readonly signal: AbortSignal;
      /** How long the server was asked to wait before its answer. */
      readonly waitMs?: number;
    },
  ): Promise<CallOutcome> {
    const { timeoutMs, insecureTls } = this.#options;
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: this.#headers(call.body !== null, call.token),
        body: call.body,
        // A redirected POST would arrive as a GET; the status tells that server_url is wrong.
        redirect: "manual",
        signal: AbortSignal.any([call.signal, AbortSignal.timeout(timeoutMs + (call.waitMs ?? 0))]),
        ...(insecureTls ? { tls: { rejectUnauthorized: false } } : {}),
      });
      const retryAfter = response.headers.get("retry-after") ?? "";
      // Reading the body to its end is what lets the connection be used again.
      return { kind: "answer", status: response.status, body: await readText(response), retryAfter };
    } catch (error) {
      return { kind: "failure", reason: failureText(error, timeoutMs) };
    }
  }

  #headers(hasBody: boolean, token: string | null): Record<string, string> {
    const { key, version } = this.#options;
    return {
      "User-Agent": `opsen-client/${version}`,
      ...(hasBody ? { "Content-Type": "application/json" } : {}),
      ...(key === "" ? {} : { "X-API-Key": key }),
      ...(token === null ? {} : { [AGENT_TOKEN_HEADER]: token }),
    };
  }
}

/** Milliseconds that a Retry-After field asks for (RFC 9110 section 10.2.3); 0 when it says nothing sound. */
export function retryAfterMs(field: string, wallMs: number): number {
  const text = field.trim();
  if (text === "") return 0;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - wallMs;
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

async function readText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Typed here: bun-types leave the chunks of a response open.
  const stream: AsyncIterable<Uint8Array> = response.body;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, MAX_ANSWER_BYTES);
}

function failureText(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} seconds`;
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return `${error.message}${code}`;
}
