import type { Socket, SocketHandler } from "bun";
import { alpnList } from "../../../core/tls/alpn.ts";
import type { HostTls } from "../../../core/tls/backend-tls.ts";
import { reportFault } from "../thread/faults.ts";
import { freeBytes } from "./free-bytes.ts";
import type { ByteSocket, SocketOwner } from "./socket.ts";

type RawSocket = Socket<PlainSocket>;

/** How TLS is spoken to a backend. */
export interface TlsTarget extends HostTls {
  /** The protocol that is offered by ALPN. HTTP/1.1 is taken for granted, HTTP/2 must be agreed upon. */
  readonly protocol: "http/1.1" | "h2";
}

/** Where an outgoing connection goes. */
export type ConnectTarget =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      /** Null for plain TCP. */
      readonly tls: TlsTarget | null;
      /** Asked about the address that the host turned out to have, before anything but a TLS hello is sent there. */
      readonly admits: (address: string) => boolean;
    };

/** What attempts to one target have in common; see {@link connectSocket}. */
export interface Attempts {
  /** Attempts that nobody waits for any more, but that the kernel has not given up yet. */
  forsaken: number;
}

interface Dialled {
  readonly target: ConnectTarget;
  readonly attempts: Attempts;
}

/** A kernel tries a black hole for minutes, and no call of Bun ends that: so many sockets may be lost to one target. */
const MAX_FORSAKEN = 64;

/**
 * A {@link ByteSocket} over Bun's own sockets, accepted or connected.
 *
 * `end()` of Bun may lose bytes that it accepted, so that the end of a stream is always: write everything, then
 * `shutdown()` (FIN), and let the close follow the peer's FIN.
 */
export class PlainSocket implements ByteSocket {
  owner: SocketOwner;
  peerAddress: string;
  pendingBytes = 0;
  /** Why no connection came about, as far as it is known: a code of the system or of TLS, or our own words. */
  failure = "";
  #raw: RawSocket | null;
  #queue: Buffer[] = [];
  /** To be freed when the queue is empty. */
  #released: Buffer[] = [];
  #finishing = false;
  #paused = false;
  #opened: boolean;
  /** Null for accepted connections. */
  readonly #dialled: Dialled | null;
  /** Given up before the kernel gave it up. */
  #forsaken = false;
  /** Ended as soon as it was open: what TLS still does there counts for nothing. */
  #refused = false;

  constructor(owner: SocketOwner, raw: RawSocket | null, dialled: Dialled | null = null) {
    this.owner = owner;
    this.#raw = raw;
    this.peerAddress = raw?.remoteAddress ?? "";
    this.#opened = raw !== null;
    this.#dialled = dialled;
  }

  write(bytes: Buffer): void {
    const taken = this.#send(bytes, bytes.length);
    // The rest of a large piece is copied: for a peer that has stopped it would hold the whole piece in memory.
    if (taken < bytes.length) this.#enqueue(taken === 0 ? bytes : Buffer.from(bytes.subarray(taken)));
  }

  writeScratch(scratch: Buffer, length: number): void {
    const taken = this.#send(scratch, length);
    if (taken < length) this.#enqueue(Buffer.from(scratch.subarray(taken, length)));
  }

  release(bytes: Buffer): void {
    const isQueued = this.#queue.some((waiting) => waiting.buffer === bytes.buffer);
    if (isQueued) this.#released.push(bytes);
    else freeBytes(bytes);
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#raw?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#raw?.resume();
  }

  finish(): void {
    if (this.#finishing) return;
    this.#finishing = true;
    if (this.pendingBytes === 0) this.#raw?.shutdown();
  }

  close(): void {
    if (this.#raw === null) this.#forsake();
    this.#raw?.end();
  }

  abort(): void {
    if (this.#raw === null) this.#forsake();
    this.#raw?.terminate();
  }

  /** Takes over the connected socket; for {@link connectSocket} and the handlers of this file only. */
  opened(raw: RawSocket): void {
    this.#raw = raw;
    this.peerAddress = raw.remoteAddress;
    const target = this.#dialled?.target;
    const tcp = target?.kind === "tcp" ? target : null;
    if (this.#finishing || tcp?.admits(raw.remoteAddress) === false) {
      this.#refused = true;
      this.failure = "address not allowed";
      raw.terminate();
    } else if (tcp === null || tcp.tls === null) this.#announceOpen();
  }

  /** TLS of an outgoing connection is up only after its handshake, which Bun reports apart. */
  handshaken(success: boolean, code: string, protocol: string): void {
    const target = this.#dialled?.target;
    if (target?.kind !== "tcp" || this.#opened || this.#refused) return;
    const isVerified = success || target.tls?.verify === false;
    const speaks = target.tls?.protocol !== "h2" || protocol === "h2";
    if (isVerified && speaks) this.#announceOpen();
    else {
      this.failure = isVerified ? "the backend does not speak HTTP/2 there" : code;
      this.#raw?.terminate();
    }
  }

  flush(): void {
    const queue = this.#queue;
    let sent = 0;
    while (sent < queue.length) {
      const head = queue[sent];
      if (head === undefined) break;
      const taken = this.#raw === null ? 0 : Math.max(0, this.#raw.write(head));
      this.pendingBytes -= taken;
      if (taken < head.length) {
        queue[sent] = head.subarray(taken);
        break;
      }
      sent++;
    }
    if (sent > 0) queue.splice(0, sent);
    if (queue.length > 0) return;
    this.#freeReleased();
    if (this.#finishing) this.#raw?.shutdown();
    if (sent > 0) this.owner.onDrain();
  }

  closed(clean: boolean): void {
    if (this.#forsaken && this.#dialled !== null) this.#dialled.attempts.forsaken--;
    this.#forsaken = false;
    this.#raw = null;
    this.#queue = [];
    this.#freeReleased();
    this.pendingBytes = 0;
    this.owner.onClose(clean);
  }

  #freeReleased(): void {
    if (this.#released.length === 0) return;
    for (const bytes of this.#released) freeBytes(bytes);
    this.#released = [];
  }

  #forsake(): void {
    this.#finishing = true;
    if (this.#dialled === null || this.#opened || this.#forsaken) return;
    this.#forsaken = true;
    this.#dialled.attempts.forsaken++;
  }

  #announceOpen(): void {
    this.#opened = true;
    this.owner.onOpen();
  }

  /** Bytes that the kernel took. A closed socket takes all: its owner hears of the close in `onClose`. */
  #send(bytes: Buffer, length: number): number {
    if (this.pendingBytes > 0) return 0;
    if (this.#raw === null) return this.#opened ? length : 0;
    const taken = this.#raw.write(bytes, 0, length);
    return taken < 0 ? length : taken;
  }

  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.pendingBytes += bytes.length;
  }
}

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
    startConnecting(target, socket).catch(ignore);
  } catch {
    // A host that is no name and no address is refused on the spot.
    closeSoon(socket);
  }
  return socket;
}

/** Tells the owner of a failure once its caller has returned; what is thrown then must not reach the thread. */
function closeSoon(socket: PlainSocket): void {
  queueMicrotask(() => {
    try {
      socket.closed(false);
    } catch (error) {
      reportFault(error);
    }
  });
}

function startConnecting(target: ConnectTarget, data: PlainSocket): Promise<RawSocket> {
  const shared = { data, socket: HANDLERS, allowHalfOpen: true };
  if (target.kind === "unix") return Bun.connect({ ...shared, unix: target.path });
  const options = { ...shared, hostname: target.host, port: target.port };
  return Bun.connect(target.tls === null ? options : { ...options, tls: tlsOptions(target.tls) });
}

/** The callbacks that every plain socket shares; `socket.data` says whose turn it is. */
export const HANDLERS: SocketHandler<PlainSocket> = {
  open(raw) {
    raw.data.opened(raw);
  },
  handshake(raw, success, error) {
    const { alpnProtocol } = raw;
    const code = error === null ? "TLS" : codeOf(error);
    raw.data.handshaken(success, code, typeof alpnProtocol === "string" ? alpnProtocol : "");
  },
  data(raw, chunk) {
    raw.data.owner.onData(chunk);
  },
  end(raw) {
    raw.data.owner.onEnd();
  },
  drain(raw) {
    raw.data.flush();
  },
  close(raw, error) {
    raw.data.closed(error === undefined);
  },
  connectError(raw, error) {
    raw.data.failure = codeOf(error);
    // A missing unix socket fails inside `connect`, before its caller knows of the connection.
    closeSoon(raw.data);
  },
  error(raw, error) {
    // Resets come to `close`; what comes here was thrown by one of our callbacks.
    reportFault(error);
    raw.terminate();
  },
};

function tlsOptions(tls: TlsTarget) {
  return {
    rejectUnauthorized: tls.verify,
    ALPNProtocols: alpnList(tls.protocol),
    ...(tls.serverName === "" ? {} : { serverName: tls.serverName }),
    ...(tls.ca === "" ? {} : { ca: tls.ca }),
  };
}

/** `ECONNREFUSED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, and the like. */
function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function ignore(): void {
  // The same failure reaches the owner through `connectError`.
}
