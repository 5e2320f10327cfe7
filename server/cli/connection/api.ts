/** Calls of the management API, and what a person is told when one fails. */
import type { Context } from "../context.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import { listOf, numberOf, record, textOf } from "../json.ts";
import { cleanText } from "../view/clean.ts";
import { type Connection, connectionOf, LOOPBACK } from "./connection.ts";

/** Far above the list of the largest fleet. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

export interface ApiAnswer {
  readonly status: number;
  /** As it came. */
  readonly text: string;
  /** Undefined when the answer is no JSON. */
  readonly json: unknown;
  readonly retryAfterSeconds: number | null;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** How much longer than usual the answer may take. */
  readonly extraMs?: number;
}

export class Api {
  readonly connection: Connection;
  readonly #version: string;
  readonly #abandoned = new AbortController();
  #identified: Promise<void> | null = null;

  constructor(connection: Connection, version: string) {
    this.connection = connection;
    this.#version = version;
    // A proxy for the world outside is none for this machine.
    if (LOOPBACK.test(new URL(connection.url).hostname)) {
      for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]) delete process.env[name];
    }
  }

  static of(context: Context): Api {
    return new Api(connectionOf(context), context.version);
  }

  /** Asks; throws only when no answer comes, or something else than a server's management answers there. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<ApiAnswer> {
    this.#identified ??= this.#identify();
    await this.#identified;
    return this.#send(method, path, this.connection.key, options);
  }

  /**
   * Asks for `/health` without the key. A server whose management is on a port of its own would hand everything
   * that comes to the other one to a backend, and the key with it.
   */
  async #identify(): Promise<void> {
    const { status, json } = await this.#send("GET", "/health", null, {});
    if (numberOf(record(json), "total_clients") !== null) return;
    const { url } = this.connection;
    const why = `what answers at ${url} is no opsen-server's management (GET /health: status ${status})`;
    throw new CommandFailure(EXIT.unreachable, `${why}; with admin_port set, management is on that port`);
  }

  async #send(method: string, path: string, key: string | null, options: CallOptions): Promise<ApiAnswer> {
    const { url, timeoutMs, tls } = this.connection;
    const { body, extraMs = 0 } = options;
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          Accept: "application/json, text/plain;q=0.9, */*;q=0.8",
          "User-Agent": `opsen-server/${this.#version}`,
          ...(key !== null && { "X-API-Key": key }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...options.headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: "manual",
        signal: AbortSignal.any([this.#abandoned.signal, AbortSignal.timeout(timeoutMs + extraMs)]),
        tls,
      });
      const text = await boundedText(response);
      const retryAfter = Number(response.headers.get("Retry-After") ?? "");
      return {
        status: response.status,
        text,
        json: isJson(response) ? parsed(text) : undefined,
        retryAfterSeconds: retryAfter > 0 ? retryAfter : null,
      };
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      throw new CommandFailure(EXIT.unreachable, unreachable(url, error));
    }
  }

  /** Ends calls that are under way, so that the process need not wait for them. */
  abandon(): void {
    this.#abandoned.abort();
  }

  /** Asks and gives an answer of 2xx that is JSON, or is empty; anything else ends the command. */
  async ask(method: string, path: string, options: CallOptions = {}): Promise<ApiAnswer> {
    const answer = await this.call(method, path, options);
    const isRight = answer.status >= 200 && answer.status < 300;
    if (isRight && (answer.json !== undefined || answer.text === "")) return answer;
    throw refusal(answer, `${method} ${path}`);
  }
}

/** Makes the end of a command of an answer that is none of 2xx, or not the server's. */
export function refusal(answer: ApiAnswer, what: string): CommandFailure {
  if (answer.json === undefined || answer.status < 400)
    return new CommandFailure(EXIT.failed, foreign(answer, what));
  const problem = record(answer.json);
  const lines = [`the server refused: ${cleanText(textOf(problem, "detail") ?? `status ${answer.status}`)}`];
  for (const each of listOf(problem, "errors").slice(0, 100)) {
    const error = record(each);
    const field = textOf(error, "field") ?? textOf(error, "key") ?? "";
    const rule = textOf(error, "rule") ?? textOf(error, "message") ?? "";
    lines.push(`  ${cleanText(`${field}: ${rule}`)}`);
  }
  if (answer.status === 401 || answer.status === 403) {
    lines.push("A key comes from --key-file, OPSEN_API_KEY, or the server's file (--config).");
  }
  if (answer.status === 429 && answer.retryAfterSeconds !== null) {
    lines.push(`Ask again in ${answer.retryAfterSeconds} s.`);
  }
  return new CommandFailure(EXIT.failed, lines.join("\n"), answer.text);
}

/** Tells whether this server has no such call: an older one answers 404, or sends the request to a backend. */
export function isUnknownCall({ status, json }: ApiAnswer): boolean {
  if (status === 401 || status === 403 || status === 429) return false;
  return json === undefined || status === 404;
}

function foreign({ status }: ApiAnswer, what: string): string {
  return [
    `this server does not know ${what} (it answered ${status}, not as management does):`,
    "it is older than this program, or its management is on another port (admin_port).",
  ].join("\n");
}

function isJson(response: Response): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(response.headers.get("Content-Type") ?? "");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const stream: AsyncIterable<Uint8Array> = response.body ?? emptyStream();
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new CommandFailure(EXIT.failed, `the answer exceeds ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}

function unreachable(url: string, error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const why =
    name === "TimeoutError"
      ? "no answer in time (--timeout)"
      : code === "ECONNREFUSED" || code === "ConnectionRefused"
        ? "nothing listens there"
        : error instanceof Error
          ? error.message
          : String(error);
  const isCertificate = /CERT|SIGNATURE|ALTNAME|ISSUER/i.test(code);
  const hint = isCertificate
    ? "--ca-file names the certificates to trust."
    : "--server, OPSEN_SERVER or --config name another server.";
  return `cannot reach ${url}: ${cleanText(why)}\n${hint}`;
}
