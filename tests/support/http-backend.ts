/** A well-behaved named backend on Bun.serve: echo, delays by gates, event streams, WebSocket. */
import type { Server, ServerWebSocket } from "bun";

export interface HttpBackendOptions {
  readonly name: string;
  /** Answers a request; default: the name, as text. */
  readonly handle?: (request: Request, backend: HttpBackend) => Response | Promise<Response>;
  readonly onMessage?: (socket: ServerWebSocket, message: string | Buffer) => void;
  readonly onClose?: (code: number, reason: string) => void;
}

/** Holds requests until the test lets them go. */
export class Gate {
  #waiting: (() => void)[] = [];
  #arrivals: { readonly count: number; readonly resolve: () => void }[] = [];
  #open = false;
  #arrived = 0;

  /** Requests that came to the gate so far. */
  get arrived(): number {
    return this.#arrived;
  }

  pass(): Promise<void> {
    this.#arrived++;
    this.#arrivals = this.#arrivals.filter((each) => {
      if (this.#arrived < each.count) return true;
      each.resolve();
      return false;
    });
    if (this.#open) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves once `count` requests have come to the gate. */
  async waitFor(count: number): Promise<void> {
    if (this.#arrived >= count) return;
    await new Promise<void>((resolve) => this.#arrivals.push({ count, resolve }));
  }

  open(): void {
    this.#open = true;
    for (const each of this.#waiting.splice(0)) each();
  }
}

export class HttpBackend implements AsyncDisposable {
  readonly name: string;
  readonly gate = new Gate();
  /** Requests that reached the handler. */
  hits = 0;
  readonly #server: Server<undefined>;

  constructor(options: HttpBackendOptions) {
    this.name = options.name;
    const handle = options.handle ?? (() => new Response(options.name));
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      development: false,
      idleTimeout: 0,
      maxRequestBodySize: 2 ** 41,
      fetch: (request, server) => {
        this.hits++;
        server.timeout(request, 0);
        const wantsSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
        if (options.onMessage && wantsSocket && server.upgrade(request)) return undefined;
        return handle(request, this);
      },
      websocket: {
        maxPayloadLength: 64 * 1024 * 1024,
        idleTimeout: 0,
        message: (socket, message) => options.onMessage?.(socket, message),
        close: (_socket, code, reason) => options.onClose?.(code, reason),
      },
    });
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gate.open();
    await this.#server.stop(true);
  }
}
