/** A scripted backend on raw sockets: keeps the octets of each connection and counts requests. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { RawMessage } from "./http-message.ts";
import { Wire } from "./wire.ts";

/** Answers one request; writes whatever octets it likes. `false` (also as the promise's value) ends the loop of the connection. */
export type Responder = (request: RawMessage, wire: Wire, backend: RawBackend) => Promise<unknown> | false;

export interface RawBackendOptions {
  /** Answers each request read; default: 200 with an empty body. */
  readonly respond?: Responder;
  /** Takes a connection over from its first octet, instead of `respond`. */
  readonly script?: (wire: Wire, backend: RawBackend) => Promise<void>;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
}

export class RawBackend implements AsyncDisposable {
  /** In the order in which they were accepted. */
  readonly connections: Wire[] = [];
  /** Ledger of every request read whole, over all connections. */
  readonly requests: RawMessage[] = [];
  /** Faults of scripts; a test that expects none looks here. */
  readonly faults: unknown[] = [];
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(options: RawBackendOptions = {}): Promise<RawBackend> {
    const holder: { backend: RawBackend | null } = { backend: null };
    const accept = (socket: Socket): void => {
      holder.backend?.accept(new Wire(socket), options);
    };
    const server = options.tls
      ? createTlsServer({ ...options.tls, ALPNProtocols: ["http/1.1"] }, accept)
      : createServer({ allowHalfOpen: true }, accept);
    const port = await listen(server, options.host ?? "127.0.0.1", options.port);
    holder.backend = new RawBackend(server, port);
    return holder.backend;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  accept(wire: Wire, options: RawBackendOptions): void {
    this.connections.push(wire);
    const run = options.script
      ? options.script(wire, this)
      : this.#serve(wire, options.respond ?? (() => answer(wire, 200, "")));
    run.catch((error: unknown) => this.faults.push(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.all(this.connections.map((each) => each[Symbol.asyncDispose]()));
    await closed;
  }

  async #serve(wire: Wire, respond: Responder): Promise<void> {
    for (;;) {
      const request = await wire.readRequest(120_000);
      if (request === null) return wire.finish();
      this.requests.push(request);
      if ((await respond(request, wire, this)) === false) return;
    }
  }
}

/** Writes a plain response with a Content-Length. */
export async function answer(
  wire: Wire,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body;
  const lines = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  const head = `HTTP/1.1 ${status} Answer\r\n${lines}Content-Length: ${bytes.length}\r\n\r\n`;
  await wire.send(Buffer.concat([Buffer.from(head, "latin1"), bytes]));
}

function listen(server: Server, host: string, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error("no port was bound"));
      resolve(address.port);
    });
  });
}

/** Binds a free port and lets it go: nothing listens there, so that a connection is refused. */
export async function refusingPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, "127.0.0.1");
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
