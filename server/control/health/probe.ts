/** One probe of one origin: a TCP connection that is accepted, or a GET that is answered 2xx or 3xx. */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ProbeOutcome } from "../../../core/health/transition.ts";
import type { Origin } from "../../../core/plane/snapshot.ts";

export interface ProbeOptions {
  readonly type: "tcp" | "http";
  readonly timeoutMs: number;
  /** Appended to the origin's base path. */
  readonly path: string;
  readonly verifyTls: boolean;
  /** Says why an address may not be connected to; null when it may. */
  readonly refusal: (address: string, port: number) => string | null;
}

/** What a probe found, and what it left behind. */
export type Probed = ProbeOutcome & {
  /** Settles when a connect ends that was still under way when the time was over: it cannot be called off. */
  readonly forsaken?: Promise<void>;
};

/** Heads longer than this are no answer to a probe. */
const MAX_HEAD_BYTES = 16 * 1024;

const TIMED_OUT = "no answer in time";

/** Probes an origin; never throws. Redirects are not followed, bodies are not read. */
export async function probe(origin: Origin, options: ProbeOptions): Promise<Probed> {
  const startedMs = performance.now();
  const deadline = new Deadline(options.timeoutMs);
  try {
    const address = await deadline.race(resolve(origin.host));
    const refusal = options.refusal(address, origin.port);
    if (refusal !== null) return { ok: false, reason: `${address} ${refusal}` };
    const reason = await deadline.race(converse(origin, address, options, deadline));
    if (reason !== null) return { ok: false, reason };
    return { ok: true, latencyMs: performance.now() - startedMs };
  } catch (error) {
    const { pendingConnect } = deadline;
    const forsaken = pendingConnect === null ? {} : { forsaken: pendingConnect };
    return { ok: false, reason: describe(error), ...forsaken };
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

async function resolve(host: string): Promise<string> {
  return isIP(host) === 0 ? (await lookup(host)).address : host;
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
  const head = new HeadReader();
  const ask = (socket: Bun.Socket): void => {
    if (options.type === "http") socket.write(requestFor(origin, options.path));
    else end(socket, null);
  };
  const end = (socket: Bun.Socket, reason: string | null): void => {
    finish(reason);
    socket.terminate();
  };
  const tls = {
    rejectUnauthorized: options.verifyTls,
    ...(isIP(origin.host) === 0 ? { serverName: origin.host } : {}),
  };
  const connected = Bun.connect({
    hostname: address,
    port: origin.port,
    ...(isSecure ? { tls } : {}),
    socket: {
      open(socket) {
        if (deadline.guard(socket) && !isSecure) ask(socket);
      },
      handshake(socket, isTrusted, error) {
        if (isTrusted || !options.verifyTls) ask(socket);
        else end(socket, `its certificate is not trusted: ${error === null ? "unknown" : describe(error)}`);
      },
      data(socket, bytes) {
        const status = head.push(bytes);
        if (status !== null) end(socket, status >= 200 && status < 400 ? null : answered(status));
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

function requestFor(origin: Origin, path: string): string {
  const target = origin.basePath + (path.startsWith("/") ? path : `/${path}`);
  return `GET ${target} HTTP/1.1\r\nHost: ${origin.authority}\r\nUser-Agent: opsen-health\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

/** Finds the status of the final response head, past interim ones (RFC 9110 section 15.2). */
class HeadReader {
  #text = "";

  /** The status once it is known; 0 for what is not HTTP; null for more bytes. */
  push(bytes: Uint8Array): number | null {
    this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    for (;;) {
      const lineEnd = this.#text.indexOf("\n");
      if (lineEnd === -1) return this.#text.length > MAX_HEAD_BYTES ? 0 : null;
      const status = /^HTTP\/1\.[01] (\d{3})(?: |\r?$)/.exec(this.#text.slice(0, lineEnd))?.[1];
      if (status === undefined) return 0;
      if (!status.startsWith("1") || status === "101") return Number(status);
      const headEnd = this.#text.indexOf("\r\n\r\n");
      if (headEnd === -1) return this.#text.length > MAX_HEAD_BYTES ? 0 : null;
      this.#text = this.#text.slice(headEnd + 4);
    }
  }
}

function answered(status: number): string {
  return status === 0 ? "answered something that is not HTTP/1.1" : `answered with status ${status}`;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
