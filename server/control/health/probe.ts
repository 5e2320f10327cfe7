/** One probe of one origin: a TCP connection that is accepted, a GET that is answered 2xx or 3xx, or a ping of HTTP/2. */

import { isIP } from "node:net";
import type { ProbeOutcome } from "../../../core/health/transition.ts";
import type { Origin } from "../../../core/plane/snapshot.ts";
import { alpnList } from "../../../core/tls/alpn.ts";
import type { HostTls } from "../../../core/tls/backend-tls.ts";
import type { NameResolver } from "../../names/name-resolver.ts";
import { Http1Probe } from "./http1-probe.ts";
import { Http2Probe } from "./http2-probe.ts";

export interface ProbeOptions {
  readonly type: "tcp" | "http";
  readonly timeoutMs: number;
  /** Appended to the origin's base path. */
  readonly path: string;
  readonly tls: HostTls;
  /** Where names are. */
  readonly names: Pick<NameResolver, "addressesOf" | "failed">;
  /** Says why an address may not be connected to; null when it may. */
  readonly refusal: (address: string, port: number) => string | null;
}

/** What a probe found, and what it left behind. */
export type Probed = ProbeOutcome & {
  /** Settles when a connect ends that was still under way when the time was over: it cannot be called off. */
  readonly forsaken?: Promise<void>;
  /** This process did not run while the probe did: that there was no answer says nothing. */
  readonly isVoid?: true;
};

/** What is said on a connection to find out whether somebody is there. */
interface ProbeTalk {
  start(): void;
  push(bytes: Buffer): void;
}

const TIMED_OUT = "no answer in time";
/** A timer that is later than that was held up by more than a busy moment. */
const FROZEN_MS = 1000;

/** Probes an origin; never throws. Redirects are not followed, bodies are not read. */
export async function probe(origin: Origin, options: ProbeOptions): Promise<Probed> {
  const startedMs = performance.now();
  const deadline = new Deadline(options.timeoutMs);
  let address = origin.host;
  try {
    if (isIP(origin.host) === 0)
      address = (await deadline.race(options.names.addressesOf(origin.host)))[0] ?? "";
    const refusal = options.refusal(address, origin.port);
    if (refusal !== null) return { ok: false, reason: `${address} ${refusal}` };
    const reason = await deadline.race(converse(origin, address, options, deadline));
    if (reason !== null) {
      // The next probe asks at another address of the name, if there is one: it is down when all are.
      options.names.failed(origin.host, address);
      return { ok: false, reason };
    }
    return { ok: true, latencyMs: performance.now() - startedMs };
  } catch (error) {
    options.names.failed(origin.host, address);
    const { pendingConnect } = deadline;
    const forsaken = pendingConnect === null ? {} : { forsaken: pendingConnect };
    const isVoid = performance.now() - startedMs > options.timeoutMs + FROZEN_MS;
    return { ok: false, reason: describe(error), ...(isVoid && { isVoid }), ...forsaken };
  } finally {
    deadline.clear();
  }
}

/** Bounds everything that a probe waits for, and closes its socket when the time is over. */
class Deadline {
  readonly #expired: Promise<never>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #onExpiry: () => void = () => {};
  #isExpired = false;
  /** The connect under way, if any. */
  pendingConnect: Promise<void> | null = null;

  constructor(timeoutMs: number) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#expired = promise;
    // A probe that ends in time leaves this promise alone; one that expires is told by race().
    promise.catch(() => {});
    this.#timer = setTimeout(() => {
      this.#isExpired = true;
      reject(new Error(TIMED_OUT));
      this.#onExpiry();
    }, timeoutMs);
  }

  /** Has a socket closed when the time is over; at once when it is over already, which gives false. */
  guard(socket: Bun.Socket): boolean {
    if (this.#isExpired) socket.terminate();
    else this.#onExpiry = () => socket.terminate();
    return !this.#isExpired;
  }

  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#expired]);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Connects and, for http, asks; gives null on success, else what was wrong. */
function converse(
  origin: Origin,
  address: string,
  options: ProbeOptions,
  deadline: Deadline,
): Promise<string | null> {
  const { promise, resolve: finish } = Promise.withResolvers<string | null>();
  const isSecure = origin.scheme === "https" && options.type === "http";
  let talk: ProbeTalk | null = null;
  const end = (socket: Bun.Socket, reason: string | null): void => {
    finish(reason);
    socket.terminate();
  };
  const ask = (socket: Bun.Socket): void => {
    if (options.type === "tcp") {
      end(socket, null);
      return;
    }
    talk = talkOf(origin, options.path, socket, (reason) => end(socket, reason));
    talk.start();
  };
  const connected = Bun.connect({
    hostname: address,
    port: origin.port,
    ...(isSecure ? { tls: tlsOptions(origin, options.tls) } : {}),
    socket: {
      open(socket) {
        if (deadline.guard(socket) && !isSecure) ask(socket);
      },
      data(_socket, bytes) {
        talk?.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      },
      handshake(socket, isTrusted, error) {
        if (isTrusted || !options.tls.verify) ask(socket);
        else end(socket, `its certificate is not trusted: ${error === null ? "unknown" : describe(error)}`);
      },
      error(_socket, error) {
        finish(describe(error));
      },
      connectError(_socket, error) {
        finish(describe(error));
      },
      close() {
        finish("closed the connection without an answer");
      },
    },
  });
  deadline.pendingConnect = connected
    .then(
      () => {},
      (error: unknown) => finish(describe(error)),
    )
    .finally(() => {
      deadline.pendingConnect = null;
    });
  return promise;
}

function talkOf(
  origin: Origin,
  path: string,
  socket: Bun.Socket,
  onOutcome: (reason: string | null) => void,
): ProbeTalk {
  const write = (bytes: Buffer) => void socket.write(bytes);
  return origin.isHttp2 ? new Http2Probe(write, onOutcome) : new Http1Probe(origin, path, write, onOutcome);
}

function tlsOptions(origin: Origin, { verify, serverName, ca }: HostTls) {
  return {
    rejectUnauthorized: verify,
    ...(serverName === "" ? {} : { serverName }),
    ...(ca === "" ? {} : { ca }),
    ...(origin.isHttp2 ? { ALPNProtocols: alpnList("h2") } : {}),
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
