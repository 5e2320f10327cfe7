import type { Socket, SocketHandler } from "bun";
import { reportFault } from "../thread/faults.ts";
import type { Attempts, ConnectTarget } from "./connect-target.ts";
import { freeBytes } from "./free-bytes.ts";
import type { ByteSocket, SocketOwner } from "./socket.ts";

type RawSocket = Socket<PlainSocket>;

interface Dialled {
  readonly target: ConnectTarget;
  readonly attempts: Attempts;
}

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

  /** Has the kernel ask a silent peer after so long whether it is still there, and end the connection without an answer. */
  keepAlive(afterMs: number): void {
    this.#raw?.setKeepAlive(true, afterMs);
  }

  /** Its owner has given it up. */
  get isGivenUp(): boolean {
    return this.#finishing;
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
    else this.owner.onConnected?.();
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

/** `ECONNREFUSED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, and the like. */
function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

/** Tells the owner of a failure once its caller has returned; what is thrown then must not reach the thread. */
export function closeSoon(socket: PlainSocket): void {
  queueMicrotask(() => {
    try {
      socket.closed(false);
    } catch (error) {
      reportFault(error);
    }
  });
}
