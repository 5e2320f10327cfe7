/** Clients and backends of HTTP/2 whose every move the test decides; they are made of the sessions that core has. */
import { connect, type TLSSocket } from "node:tls";
import type { SessionOptions } from "../../../../core/http2/session-owner.ts";
import { type Heard, makeSide, request, type Side } from "../../../core/http2/pair.ts";
import { eventually } from "../../../support/eventually.ts";

/** A client on a TLS connection. */
export class Http2Client implements AsyncDisposable {
  readonly side: Side;
  readonly #socket: TLSSocket;
  isClosed = false;

  private constructor(socket: TLSSocket, side: Side) {
    this.#socket = socket;
    this.side = side;
    socket.on("data", (chunk: Buffer) => {
      side.session.receive(chunk);
      this.flush();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      side.session.end();
    });
  }

  static async open(port: number, options: Partial<SessionOptions> = {}): Promise<Http2Client> {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", () => resolve());
      socket.once("error", reject);
    });
    const client = new Http2Client(socket, makeSide({ ...options, isServer: false }));
    client.flush();
    await eventually("settings", () => client.side.session.isSettled);
    return client;
  }

  /** Sends a request, given as HTTP/1.1 says it. */
  ask(lines: string, body?: Buffer, isWhole = true): Heard {
    const heard = request(this.side, lines, body !== undefined);
    if (body !== undefined) heard.stream?.sendData(body, 0, body.length);
    if (body !== undefined && isWhole) heard.stream?.sendEnd(Buffer.alloc(0));
    this.flush();
    return heard;
  }

  status(heard: Heard): number {
    const head = this.side.heads.get(heard.stream?.id ?? 0);
    return head !== undefined && "status" in head ? head.status : 0;
  }

  /** Sends what the session has to say. */
  flush(): void {
    for (const bytes of this.side.out.splice(0)) this.#socket.write(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await Promise.resolve();
  }
}

/** A backend on plain TCP: what happens with each request is the test's. */
export class Http2Backend implements AsyncDisposable {
  readonly connections: { readonly side: Side; flush(): void; close(): void }[] = [];
  /** Connections that have ended. */
  ended = 0;
  readonly #listener: Bun.TCPSocketListener<{ side: Side }>;

  constructor(answer: (side: Side, heard: Heard) => void, options: Partial<SessionOptions> = {}) {
    const { connections } = this;
    this.#listener = Bun.listen<{ side: Side }>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(socket) {
          const side = makeSide({ ...options, isServer: true }, (heard) => answer(side, heard));
          const flush = () => {
            for (const bytes of side.out.splice(0)) socket.write(bytes);
          };
          socket.data = { side };
          connections.push({ side, flush, close: () => socket.terminate() });
          flush();
        },
        close: () => void this.ended++,
        data(socket, chunk) {
          const { side } = socket.data;
          side.session.receive(Buffer.from(chunk));
          for (const bytes of side.out.splice(0)) socket.write(bytes);
        },
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.stop(true);
    await Promise.resolve();
  }
}
