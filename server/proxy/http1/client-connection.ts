import { parseRequestHead } from "../../../core/http/request-head.ts";
import { PROXY_ERROR_STATUS, type ProxyErrorCode } from "../../../core/wire/proxy-error.ts";
import type { ClientHome, Door, OpenConnection } from "../context.ts";
import { proxyError } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { BareConnection } from "../exchange/sides.ts";
import { ByteStash } from "../net/byte-stash.ts";
import { type ByteSocket, HIGH_WATER_BYTES, type SocketOwner } from "../net/socket.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import { BodyReader } from "./body-reader.ts";
import { ClientSide, type ClientSideHome } from "./client-side.ts";
import { HalfClose } from "./half-close.ts";

/** After the last answer a client may go on sending for this long before it is reset, and is heard for this much. */
const LINGER_MS = 2000;
const LINGER_BYTES = 1_048_576;
/** A client whose FIN comes later may still read (half-close) or be gone: after this long without an answer we ask. */
const LEAVING_GRACE_MS = 500;

/** The HTTP/1.1 connection of one client: reads heads, runs one exchange at a time, keeps what is pipelined behind it. */
export class ClientConnection implements OpenConnection, ClientSideHome, SocketOwner, TimerOwner {
  readonly #socket: ByteSocket;
  readonly #home: ClientHome;
  readonly #stash = new ByteStash();
  readonly #reader = new BodyReader();
  readonly #client: ClientSide;
  readonly #timer = new WheelTimer(this);
  readonly #halfClose = new HalfClose();
  #exchange: Exchange | null = null;
  /** The exchange has its head; before that it is only reading. */
  #running = false;
  #state: "open" | "closing" | "closed" = "open";
  #pumping = false;
  #bodyPaused = false;
  #headTimed = true;
  #finSeen = false;
  #lingered = 0;
  /** How many heads were read. */
  #requests = 0;

  constructor(home: ClientHome, door: Door, makeSocket: (owner: SocketOwner) => ByteSocket) {
    this.#home = home;
    this.#socket = makeSocket(this);
    this.#client = new ClientSide(home.plane, door, this, this.#socket);
    home.opened(this);
    this.#arm(home.plane.options.headTimeoutMs);
  }

  get isBusy(): boolean {
    return this.#state !== "closed" && (this.#running || this.#socket.pendingBytes > 0);
  }

  get hasMore(): boolean {
    return this.#stash.length > 0;
  }

  get leaving(): boolean {
    return this.#finSeen && this.#stash.length === 0;
  }

  arm(afterMs: number): void {
    this.#halfClose.due(afterMs);
    // A client that may be gone is looked at more often; the deadline holds all the same.
    if (!this.#halfClose.isSuspected) this.#arm(afterMs);
  }

  pauseBody(): void {
    this.#bodyPaused = true;
    this.#socket.pause();
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#socket.resume();
  }

  handOver(owner: SocketOwner): BareConnection {
    const { bytes, start, end } = this.#stash;
    const early = bytes.subarray(start, end);
    this.#stash.clear();
    this.#home.plane.wheel.cancel(this.#timer);
    this.#socket.owner = owner;
    this.#socket.resume();
    return { socket: this.#socket, early, done: (how) => this.#endBare(how) };
  }

  ended(keepAlive: boolean): void {
    const { plane } = this.#home;
    this.#release();
    if (this.#state !== "open") return;
    if (!keepAlive || this.leaving || plane.draining) {
      this.#startClosing();
      return;
    }
    this.#bodyPaused = false;
    this.#halfClose.resumed(this.#stash.length > 0);
    this.#socket.resume();
    this.#arm(plane.options.idleTimeoutMs);
    this.#pump();
  }

  cut(reset: boolean): void {
    this.#release();
    if (this.#state !== "open") return;
    if (reset) this.#abort();
    else this.#startClosing();
  }

  onOpen(): void {
    // Accepted connections are open from the start.
  }

  onData(chunk: Buffer): void {
    if (this.#state !== "open") {
      this.#lingered += chunk.length;
      // No more is taken, but no reset either: it would take the answer away from a client that still sends.
      if (this.#lingered > LINGER_BYTES) this.#socket.pause();
      this.#socket.release(chunk);
      return;
    }
    this.#halfClose.dataBegins();
    const requests = this.#requests;
    const isBody = this.#stash.length === 0 && this.#exchange?.wantsBody === true;
    this.#stash.append(chunk);
    this.#pump();
    // Body before and after, of one request: no head refers to the chunk.
    if (
      isBody &&
      requests === this.#requests &&
      this.#exchange?.wantsBody === true &&
      this.#stash.length === 0
    ) {
      this.#exchange.delivery.releaseBody(chunk);
    }
    this.#halfClose.dataEnded();
  }

  onEnd(): void {
    this.#finSeen = true;
    if (this.#state !== "open") return;
    const exchange = this.#exchange;
    if (exchange === null || !this.#running) {
      this.#release();
      this.#startClosing();
    } else if (exchange.wantsBody) {
      // A reset would take away an answer that is on its way.
      const { isAnswered } = exchange;
      exchange.abandon();
      if (!isAnswered) this.#abort();
    } else if (this.#halfClose.suspect(exchange)) this.#arm(LEAVING_GRACE_MS);
  }

  onDrain(): void {
    if (this.#state === "closing") this.#arm(LINGER_MS);
    if (this.#state !== "open") return;
    if (this.#running) {
      this.#exchange?.onClientDrain();
      return;
    }
    this.#socket.resume();
    this.#pump();
  }

  onClose(): void {
    const exchange = this.#exchange;
    if (exchange !== null && this.#running) exchange.abandon();
    this.#release();
    this.#close();
  }

  onTimer(): void {
    if (this.#state !== "open") {
      this.#socket.abort();
      return;
    }
    if (!this.#running) this.#timeOutHead();
    else if (this.#halfClose.isSuspected) this.#endGrace();
    else this.#exchange?.onTimeout();
  }

  shut(force: boolean): number {
    const isBusy = this.#running;
    // A tunnel has no end that could be mistaken for another.
    if (force && this.#exchange?.tunnelling === true) this.#socket.close();
    else if (force) this.#abort();
    else if (!isBusy && this.#state === "open") this.#startClosing();
    return force && isBusy ? 1 : 0;
  }

  /** Reads heads and bodies out of the stash until it is empty or has to wait. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const stash = this.#stash;
    while (this.#state === "open" && stash.length > 0) {
      if (!this.#running) {
        if (this.#socket.pendingBytes > HIGH_WATER_BYTES) {
          this.#socket.pause();
          break;
        }
        if (!this.#readHead()) break;
      } else if (this.#exchange?.wantsBody) {
        this.#readBody(this.#exchange);
      } else {
        // Pipelined: the next request waits for the answer to this one.
        if (this.#exchange?.tunnelling !== true) this.#socket.pause();
        break;
      }
    }
    this.#pumping = false;
    if (stash.length === 0) stash.clear();
  }

  /** Reads one head; false when more bytes are needed or the connection is ending. */
  #readHead(): boolean {
    const { plane } = this.#home;
    this.#exchange ??= this.#home.take();
    const exchange = this.#exchange;
    const stash = this.#stash;
    const used = parseRequestHead(stash.bytes, stash.start, stash.end, plane.options.head, exchange.head);
    if (used === 0) {
      if (!this.#headTimed) {
        this.#headTimed = true;
        this.#arm(plane.options.headTimeoutMs);
      }
      if (this.#finSeen) {
        this.#release();
        this.#startClosing();
      } else this.#socket.resume();
      return false;
    }
    if (used < 0) {
      const rejection = exchange.head.rejection;
      this.#reject(rejection?.code ?? "bad_request", rejection?.status ?? 400, rejection?.reason ?? "");
      return false;
    }
    this.#headTimed = false;
    this.#running = true;
    this.#requests++;
    this.#reader.begin(exchange.head.framing, exchange.head.contentLength);
    this.#client.serve(exchange);
    stash.start += used;
    this.#home.dispatch(exchange);
    return true;
  }

  #readBody(exchange: Exchange): void {
    const reader = this.#reader;
    const stash = this.#stash;
    const { bytes } = stash;
    stash.start = reader.read(bytes, stash.start, stash.end);
    const { bytes: content, start, end, isJoined, state } = reader;
    reader.release();
    exchange.takeBody(content, start, end, state, isJoined);
  }

  #timeOutHead(): void {
    // Where nothing was asked nothing is answered.
    if (this.#stash.length === 0) this.#startClosing();
    else this.#reject("slow_request", PROXY_ERROR_STATUS.slow_request, "");
  }

  /** Answers to a head that is no request, and closes. */
  #reject(code: ProxyErrorCode, status: number, reason: string): void {
    this.#home.plane.count("requests_rejected");
    this.#exchange ??= this.#home.take();
    const exchange = this.#exchange;
    exchange.head.reset();
    exchange.head.method = "-";
    exchange.head.target = "-";
    exchange.head.keepAlive = false;
    this.#running = true;
    this.#stash.clear();
    this.#client.serve(exchange);
    exchange.facts.clientIp = this.#client.identity.ip;
    exchange.facts.reason = reason;
    exchange.answer(proxyError(code, status), code);
  }

  #endGrace(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const verdict = this.#halfClose.look(exchange, this.#socket.pendingBytes);
    if (verdict === "overdue") {
      exchange.onTimeout();
    } else if (verdict === "ask") {
      // Every client must take interim responses (RFC 9110 section 15.2), and one that is gone answers with a reset.
      this.#client.sayContinue();
      this.#halfClose.clear();
      this.#arm(this.#halfClose.leftMs);
    } else if (verdict === "wait") {
      this.#arm(Math.min(this.#halfClose.leftMs, LEAVING_GRACE_MS));
    } else {
      exchange.abandon();
      this.#abort();
    }
  }

  /** A tunnel is over: its connection is closed, ends in order, or is to be reset. */
  #endBare(how: "gone" | "ended" | "cut"): void {
    this.#socket.owner = this;
    if (how === "gone") {
      this.#release();
      this.#close();
    } else if (how === "cut") this.cut(true);
    else this.ended(false);
  }

  #release(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#running = false;
    this.#halfClose.clear();
    if (exchange !== null) this.#home.giveBack(exchange);
  }

  /** Sends FIN behind what waits and discards what still comes, so that a reset does not overtake the answer. */
  #startClosing(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#stash.clear();
    this.#socket.resume();
    this.#socket.finish();
    this.#arm(this.#socket.pendingBytes > 0 ? this.#home.plane.options.streamIdleMs : LINGER_MS);
  }

  #arm(afterMs: number): void {
    this.#home.plane.wheel.arm(this.#timer, afterMs);
  }

  #abort(): void {
    if (this.#state === "closed") return;
    this.#state = "closing";
    this.#socket.abort();
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#stash.clear();
    this.#home.plane.wheel.cancel(this.#timer);
    this.#home.closed(this);
  }
}
