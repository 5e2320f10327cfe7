/** Opens connections: to an address, to one address of a name after the other, or to a unix socket. */
import type { Socket } from "bun";
import { alpnList } from "../../../core/tls/alpn.ts";
import type { Attempts, ConnectTarget, Names, TcpTarget, TlsTarget } from "./connect-target.ts";
import { closeSoon, HANDLERS, PlainSocket } from "./plain-socket.ts";
import type { SocketOwner } from "./socket.ts";

type RawSocket = Socket<PlainSocket>;

/** A kernel tries a black hole for minutes, and no call of Bun ends that: so many sockets may be lost to one target. */
const MAX_FORSAKEN = 64;

/**
 * Starts to connect; the owner hears `onOpen`, or `onClose` when it cannot be reached, but not before this returns.
 * `attempts` is shared by all attempts to the target: too many that hang, and further ones fail at once.
 */
export function connectSocket(target: ConnectTarget, owner: SocketOwner, attempts: Attempts): PlainSocket {
  const socket = new PlainSocket(owner, null, { target, attempts });
  if (attempts.forsaken >= MAX_FORSAKEN) {
    socket.failure = "too many attempts hang";
    closeSoon(socket);
    return socket;
  }
  try {
    dial(target, socket).catch(ignore);
  } catch {
    // A host that is no name and no address is refused on the spot.
    closeSoon(socket);
  }
  return socket;
}

function dial(target: ConnectTarget, data: PlainSocket): Promise<unknown> {
  if (target.kind === "unix") {
    return Bun.connect({ data, socket: HANDLERS, allowHalfOpen: true, unix: target.path });
  }
  return target.names === null
    ? startConnecting(target, target.host, data)
    : dialByName(target, target.names, data);
}

/** Tries the addresses of a name one after the other; those where no backend may be are left out. */
async function dialByName(target: TcpTarget, names: Names, data: PlainSocket): Promise<void> {
  const addresses = await addressesOf(target, names, data);
  for (const [index, address] of addresses.entries()) {
    data.hasAlternative = index < addresses.length - 1;
    try {
      await startConnecting(target, address, data);
      return;
    } catch {
      names.failed(target.host, address);
      if (data.isGivenUp && data.hasAlternative) {
        data.hasAlternative = false;
        closeSoon(data);
        return;
      }
    }
  }
}

/** Without any the attempt has failed. */
async function addressesOf(target: TcpTarget, names: Names, data: PlainSocket): Promise<readonly string[]> {
  let admitted: readonly string[] = [];
  try {
    const addresses = await names.addressesOf(target.host);
    admitted = addresses.filter((address) => target.admits(address));
    if (admitted.length === 0) data.failure = "address not allowed";
  } catch {
    data.failure = "its name does not resolve";
  }
  if (admitted.length > 0 && !data.isGivenUp) return admitted;
  closeSoon(data);
  return [];
}

function startConnecting(target: TcpTarget, hostname: string, data: PlainSocket): Promise<RawSocket> {
  const options = { data, socket: HANDLERS, allowHalfOpen: true, hostname, port: target.port };
  return Bun.connect(target.tls === null ? options : { ...options, tls: tlsOptions(target.tls) });
}

function tlsOptions(tls: TlsTarget) {
  return {
    rejectUnauthorized: tls.verify,
    ALPNProtocols: alpnList(tls.protocol),
    ...(tls.serverName === "" ? {} : { serverName: tls.serverName }),
    ...(tls.ca === "" ? {} : { ca: tls.ca }),
  };
}

function ignore(): void {
  // The same failure reaches the owner through `connectError`.
}
