import type { Socket } from "bun";
import type { ClientHome, Door } from "../context.ts";
import { ClientConnection } from "../http1/client-connection.ts";
import { HANDLERS, PlainSocket } from "../net/plain-socket.ts";
import type { SocketOwner } from "../net/socket.ts";

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

/** Of connections that are not taken. */
const NOBODY: SocketOwner = {
  onOpen: nothing,
  onData: nothing,
  onEnd: nothing,
  onDrain: nothing,
  onClose: nothing,
};

function nothing(): void {}

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
        if (!home.gate.enter(raw.remoteAddress)) {
          raw.data = new PlainSocket(NOBODY, raw);
          raw.terminate();
          return;
        }
        void new ClientConnection(home, door, (owner) => {
          raw.data = new PlainSocket(owner, raw);
          return raw.data;
        });
      },
      close(raw: Socket<PlainSocket>, error?: Error) {
        if (raw.data.owner !== NOBODY) home.gate.leave(raw.data.peerAddress);
        raw.data.closed(error === undefined);
      },
    },
  };
  const listener = Bun.listen<PlainSocket>(options);
  return { port: listener.port, stop: () => listener.stop() };
}
