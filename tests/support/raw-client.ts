/** Client side of raw connections, and one-shot requests on a connection of their own. */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { header, type RawMessage, statusOf } from "./http-message.ts";
import { READ_DEADLINE_MS, Wire } from "./wire.ts";

export interface Target {
  readonly port: number;
  readonly host?: string;
  /** Speak TLS and accept this authority only. */
  readonly ca?: string;
  /** Certificate that the client shows. */
  readonly client?: { readonly cert: string; readonly key: string };
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, with a Content-Length. */
  readonly body?: string | Uint8Array;
  /** Sent as JSON with its content type. */
  readonly json?: unknown;
  readonly deadlineMs?: number;
}

export class Answer {
  readonly raw: RawMessage;
  readonly status: number;
  readonly text: string;

  constructor(raw: RawMessage) {
    this.raw = raw;
    this.status = statusOf(raw);
    this.text = raw.body.toString("utf8");
  }

  header(name: string): string | null {
    return header(this.raw, name);
  }

  /** The body as JSON; a body that is none fails with the text that came. */
  get json(): unknown {
    try {
      return JSON.parse(this.text) as unknown;
    } catch {
      throw new Error(`expected JSON with status ${this.status}, got ${JSON.stringify(this.text)}`);
    }
  }
}

export function openClient(target: Target): Promise<Wire> {
  const { port, host = "127.0.0.1", ca, client } = target;
  return new Promise((resolve, reject) => {
    const socket =
      ca === undefined
        ? connect({ port, host, allowHalfOpen: true })
        : connectTls({ port, host, ca, servername: "localhost", ...client });
    socket.once("error", reject);
    socket.once(ca === undefined ? "connect" : "secureConnect", () => {
      socket.off("error", reject);
      resolve(new Wire(socket));
    });
  });
}

/** Sends one request on a connection of its own and gives back the final response. */
export async function call(
  target: Target,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  await using client = await openClient(target);
  await client.send(requestBytes(method, path, { Host: "127.0.0.1", Connection: "close" }, options));
  // Awaited here: the connection is disposed of when this function returns.
  return await readFinal(client, method, options.deadlineMs ?? READ_DEADLINE_MS);
}

/** Builds a request; the given base headers come first and the caller's win over them. */
export function requestBytes(
  method: string,
  path: string,
  base: Readonly<Record<string, string>>,
  options: CallOptions = {},
): Buffer {
  const body = bodyOf(options);
  const fields = new Map<string, string>(Object.entries(base));
  if (options.json !== undefined) fields.set("Content-Type", "application/json");
  if (body !== null) fields.set("Content-Length", String(body.length));
  for (const [name, value] of Object.entries(options.headers ?? {})) fields.set(name, value);
  const lines = [...fields].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`, "latin1");
  return body === null ? head : Buffer.concat([head, body]);
}

/** Reads responses until one that is not informational. */
export async function readFinal(
  client: Wire,
  method = "GET",
  deadlineMs = READ_DEADLINE_MS,
): Promise<Answer> {
  for (;;) {
    const answer = new Answer(await client.readResponse(method, deadlineMs));
    if (answer.status >= 200 || answer.status === 101) return answer;
  }
}

function bodyOf(options: CallOptions): Buffer | null {
  if (options.json !== undefined) return Buffer.from(JSON.stringify(options.json));
  if (options.body === undefined) return null;
  return typeof options.body === "string" ? Buffer.from(options.body, "utf8") : Buffer.from(options.body);
}
