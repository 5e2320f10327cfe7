import type { TLSSocket } from "node:tls";
import type { Socket } from "bun";
import type { ClientHome, Door } from "../context.ts";
import { ClientConnection } from "../http1/client-connection.ts";
import { HANDLERS, PlainSocket } from "../net/plain-socket.ts";
import { SecureSocket } from "../net/secure-socket.ts";

/** An open port. */
export interface Listener {
  readonly port: number;
  /** Accepts nothing more; connections live on. */
  stop(): void;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** A handshake that takes longer is not going to be finished. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Opens a port for plain HTTP, shared with the other workers. Throws when it cannot be opened. */
export function listenPlain(home: ClientHome, door: Door, address: ListenAddress): Listener {
  const options = {
    hostname: address.host,
    port: address.port,
    // The kernel spreads connections over the workers.
    reusePort: true,
    // A client that has said everything still wants its answer.
    allowHalfOpen: true,
    socket: {
      ...HANDLERS,
      open(raw: Socket<PlainSocket>) {
        void new ClientConnection(home, door, (owner) => {
          raw.data = new PlainSocket(owner, raw);
          return raw.data;
        });
      },
    },
  };
  const listener = Bun.listen<PlainSocket>(options);
  return { port: listener.port, stop: () => listener.stop() };
}

/** Opens a port for HTTPS; HTTP/1.1 is what it offers by ALPN. Rejects when it cannot be opened. */
export async function listenSecure(
  home: ClientHome,
  door: Door,
  address: ListenAddress,
  tls: { readonly cert: string; readonly key: string },
): Promise<Listener> {
  // Loaded only where it is used: it costs each worker some megabytes.
  const { createServer } = await import("node:tls");
  const server = createServer({
    cert: tls.cert,
    key: tls.key,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    allowHalfOpen: true,
  });
  server.on("secureConnection", (raw: TLSSocket) => {
    void new ClientConnection(home, door, (owner) => new SecureSocket(raw, owner));
  });
  // Failed and timed-out handshakes: node leaves the socket to us.
  server.on("tlsClientError", (_error: Error, raw: TLSSocket) => {
    raw.destroy();
  });
  return await new Promise<Listener>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, reusePort: true }, () => {
      server.off("error", reject);
      server.on("error", ignore);
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
      resolve({ port, stop: () => server.close() });
    });
  });
}

function ignore(): void {
  // An accept that failed, as when descriptors run out: the next one may do.
}
