/** Opens connections: to an address, to one address of a name after the other, or to a unix socket. */
import type { Socket } from "bun";
import { alpnList } from "../../../core/tls/alpn.ts";
import type { Attempts, ConnectTarget, Names, TcpTarget, TlsTarget } from "./connect-target.ts";
import { closeSoon, HANDLERS, PlainSocket } from "./plain-socket.ts";
import type { SocketOwner } from "./socket.ts";

type RawSocket = Socket<PlainSocket>;

/** A kernel tries a black hole for minutes, and no call of Bun ends that: so many sockets may be lost to one target. */
const MAX_FORSAKEN = 64;
/** As long as an address is waited for while there is another one; far more than a handshake takes to anywhere. */
const ADDRESS_LIMIT_MS = 1000;

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
    dial(target, socket, attempts).catch(ignore);
  } catch {
    // A host that is no name and no address is refused on the spot.
    closeSoon(socket);
  }
  return socket;
}

function dial(target: ConnectTarget, data: PlainSocket, attempts: Attempts): Promise<unknown> {
  if (target.kind === "unix") {
    return Bun.connect({ data, socket: HANDLERS, allowHalfOpen: true, unix: target.path });
  }
  return target.names === null
    ? startConnecting(target, target.host, data)
    : dialByName(target, target.names, data, attempts);
}

/** Tries the addresses of a name one after the other; those where no backend may be are left out. */
async function dialByName(
  target: TcpTarget,
  names: Names,
  data: PlainSocket,
  attempts: Attempts,
): Promise<void> {
  const addresses = await addressesOf(target, names, data);
  for (const [index, address] of addresses.entries()) {
    const isLast = index === addresses.length - 1;
    if (await tries(target, address, new Candidate(data, attempts), isLast)) return;
    names.failed(target.host, address);
    if (data.isGivenUp) break;
  }
  closeSoon(data);
}

/** Connects to one address; false when that fails, or takes too long while there is another one. */
async function tries(
  target: TcpTarget,
  address: string,
  candidate: Candidate,
  isLast: boolean,
): Promise<boolean> {
  startConnecting(target, address, candidate).catch(ignore);
  if (isLast) return candidate.hasOpened;
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => {
    candidate.supersede();
    resolve(false);
  }, ADDRESS_LIMIT_MS);
  const hasOpened = await Promise.race([candidate.hasOpened, late]);
  clearTimeout(timer);
  return hasOpened;
}

/** Stands for a connection to one address of several until it is open; then the connection is the real socket's. */
class Candidate extends PlainSocket {
  readonly hasOpened: Promise<boolean>;
  readonly #real: PlainSocket;
  readonly #attempts: Attempts;
  readonly #settle: (hasOpened: boolean) => void;
  #isSuperseded = false;

  constructor(real: PlainSocket, attempts: Attempts) {
    super(real.owner, null);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#real = real;
    this.#attempts = attempts;
    this.hasOpened = promise;
    this.#settle = resolve;
  }

  /** Gives it up for another one; the kernel may go on for minutes. */
  supersede(): void {
    this.#isSuperseded = true;
    this.#attempts.forsaken++;
  }

  override opened(raw: RawSocket): void {
    if (this.#isSuperseded) {
      raw.terminate();
      return;
    }
    raw.data = this.#real;
    this.#settle(true);
    this.#real.opened(raw);
  }

  override closed(): void {
    if (this.#isSuperseded) this.#attempts.forsaken--;
    this.#real.failure = this.failure;
    this.#settle(false);
  }
}

/** None where the attempt has failed already. */
async function addressesOf(target: TcpTarget, names: Names, data: PlainSocket): Promise<readonly string[]> {
  let admitted: readonly string[] = [];
  try {
    const addresses = await names.addressesOf(target.host);
    admitted = addresses.filter((address) => target.admits(address));
    if (admitted.length === 0) data.failure = "address not allowed";
  } catch {
    data.failure = "its name does not resolve";
  }
  return data.isGivenUp ? [] : admitted;
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
