import { type ForwardContext, writeRequestHead } from "../../../core/http/forward-request.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { BareConnection, Upstream, UpstreamUser } from "../exchange/sides.ts";
import type { Attempts, ConnectTarget } from "../net/connect-target.ts";
import { connectSocket } from "../net/dial.ts";
import { IdleEntry } from "../net/idle-connections.ts";
import type { PlainSocket } from "../net/plain-socket.ts";
import type { SocketOwner } from "../net/socket.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import type { PoolLimits, Wiring } from "../net/wiring.ts";
import { addBody, addEnd, type Framing } from "./message-body.ts";
import { ResponseReader } from "./response-reader.ts";

/** Where a connection goes back to. */
export interface ConnectionHome {
  readonly target: ConnectTarget;
  readonly attempts: Attempts;
  readonly wiring: Wiring;
  readonly limits: PoolLimits;
  /** How long a new connection may serve requests. */
  newLifetimeMs(): number;
  /** Takes it back, idle or not. */
  giveBack(connection: BackendConnection): void;
  /** Called once when a connection ends, wherever it is. */
  forget(connection: BackendConnection): void;
}

/** One HTTP/1.1 connection to a backend or to the control plane: connecting, in use, idle in its pool, or a tunnel. */
export class BackendConnection implements Upstream, SocketOwner, TimerOwner {
  isReused = false;
  /** Position in the idle list of the pool, -1 outside. */
  idleIndex = -1;
  /** Its place among the idle connections of the worker. */
  readonly entry = new IdleEntry(() => this.drop("close"));
  readonly #home: ConnectionHome;
  readonly #socket: PlainSocket;
  readonly #reader: ResponseReader;
  readonly #timer = new WheelTimer(this);
  #state: "connecting" | "busy" | "idle" | "bare" | "closed" = "connecting";
  #user: UpstreamUser | null;
  /** Of the request. */
  #framing: Framing = "none";
  /** The backend has sent FIN. */
  #finSeen = false;
  /** From then on it serves no further request. */
  #oldAtMs = Number.POSITIVE_INFINITY;
  /** TCP is up, TLS is not. */
  #isShakingHands = false;

  constructor(home: ConnectionHome, user: UpstreamUser) {
    this.#home = home;
    this.#user = user;
    this.#reader = new ResponseReader(home.wiring.headLimits);
    home.wiring.wheel.arm(this.#timer, home.limits.connectTimeoutMs);
    this.#socket = connectSocket(home.target, this, home.attempts);
  }

  get isOpen(): boolean {
    return this.#state === "busy";
  }

  /** It has lived for as long as it may. */
  get isOld(): boolean {
    return this.#oldAtMs !== Number.POSITIVE_INFINITY && this.#home.wiring.wheel.nowMs >= this.#oldAtMs;
  }

  get pendingBytes(): number {
    return this.#socket.pendingBytes;
  }

  /** Gives an idle connection to a request. */
  use(user: UpstreamUser): void {
    this.#user = user;
    this.isReused = true;
    this.#state = "busy";
    this.#home.wiring.wheel.cancel(this.#timer);
  }

  /** Marks it idle; anything that the backend does from here on but silence ends it. */
  rest(): void {
    const { limits, wiring } = this.#home;
    this.#state = "idle";
    this.#socket.resume();
    const isMortal = this.#oldAtMs !== Number.POSITIVE_INFINITY;
    const leftMs = isMortal ? this.#oldAtMs - wiring.wheel.nowMs : limits.idleTimeoutMs;
    wiring.wheel.arm(this.#timer, Math.min(limits.idleTimeoutMs, leftMs));
  }

  send(head: RequestHead, context: ForwardContext): boolean {
    const { out } = this.#home.wiring;
    out.to(this.#socket);
    const end = writeRequestHead(head, context, out.bytes, out.length);
    if (end < 0) return false;
    out.length = end;
    this.#framing = head.framing;
    this.#reader.begin(head.method);
    return true;
  }

  body(bytes: Buffer, start: number, end: number): void {
    const { out } = this.#home.wiring;
    out.to(this.#socket);
    addBody(out, this.#framing, bytes, start, end);
  }

  endBody(trailers: Buffer): void {
    const { out } = this.#home.wiring;
    out.to(this.#socket);
    addEnd(out, this.#framing, trailers);
  }

  flush(): void {
    this.#home.wiring.out.flush();
  }

  release(bytes: Buffer): void {
    this.#socket.release(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  done(whole: boolean): void {
    const { head, isOver, overrun } = this.#reader;
    const isClean = whole && isOver && !overrun && !this.#finSeen && this.#socket.pendingBytes === 0;
    const isReusable = isClean && head.keepAlive && !head.authenticatesConnection;
    this.#user = null;
    this.#reader.stop();
    if (isReusable && this.#state === "busy") this.#home.giveBack(this);
    else this.drop(whole ? "close" : "abort");
  }

  drop(how: "close" | "abort"): void {
    this.#user = null;
    this.#reader.stop();
    if (this.#state === "closed") return;
    const wasConnecting = this.#state === "connecting";
    this.#state = "closed";
    if (wasConnecting || how === "abort") this.#socket.abort();
    else this.#socket.close();
    // After the close: who gets its place among the backend's connections may be quick.
    this.#end();
  }

  takeOver(owner: SocketOwner): BareConnection {
    this.#user = null;
    this.#state = "bare";
    this.#socket.owner = owner;
    return { socket: this.#socket, early: this.#reader.takeRest(), done: (how) => this.#endBare(how) };
  }

  onConnected(): void {
    const { limits, wiring } = this.#home;
    if (this.#state !== "connecting" || limits.handshakeTimeoutMs === 0) return;
    const leftMs = this.#timer.deadlineMs - wiring.wheel.nowMs;
    if (leftMs <= limits.handshakeTimeoutMs) return;
    this.#isShakingHands = true;
    wiring.wheel.arm(this.#timer, limits.handshakeTimeoutMs);
  }

  onOpen(): void {
    if (this.#state !== "connecting") return;
    const { limits, wiring } = this.#home;
    wiring.wheel.cancel(this.#timer);
    if (limits.keepAliveMs > 0) this.#socket.keepAlive(limits.keepAliveMs);
    if (limits.maxLifetimeMs > 0) this.#oldAtMs = wiring.wheel.nowMs + this.#home.newLifetimeMs();
    this.#state = "busy";
    this.#user?.onUpstreamOpen();
  }

  onData(chunk: Buffer): void {
    const user = this.#user;
    const reader = this.#reader;
    if (user === null) {
      // Bytes that no request asked for: answers of nobody must never reach the next request (RFC 9112 section 9.2).
      if (this.#state === "idle") this.drop("close");
      return;
    }
    const { epoch, isInBody } = reader;
    reader.push(chunk, user);
    if (reader.epoch !== epoch) return;
    user.onTurn();
    if (isInBody && reader.epoch === epoch) user.onConsumed(chunk);
  }

  onEnd(): void {
    this.#finSeen = true;
    if (this.#state === "idle") this.drop("close");
    else if (this.#user !== null) this.#reader.finish(this.#user);
  }

  onDrain(): void {
    this.#user?.onUpstreamDrain();
  }

  onClose(clean: boolean): void {
    if (this.#state === "closed") return;
    const wasConnecting = this.#state === "connecting";
    const user = this.#user;
    this.#end();
    if (user === null) return;
    if (wasConnecting) user.onUpstreamFailed(this.#socket.failure || "closed");
    else if (clean) this.#reader.finish(user);
    else this.#reader.lose(user, "the connection was reset before the answer");
  }

  onTimer(): void {
    const user = this.#user;
    const wasConnecting = this.#state === "connecting";
    // An idle connection ends in order: backends write resets into their logs.
    this.drop(this.#state === "idle" ? "close" : "abort");
    if (wasConnecting) user?.onUpstreamFailed(this.#isShakingHands ? "TLS handshake timeout" : "timeout");
  }

  #endBare(how: "gone" | "ended" | "cut"): void {
    if (this.#state === "closed") return;
    this.#socket.owner = this;
    if (how !== "ended") {
      this.drop("abort");
      return;
    }
    // What waits still reaches the backend, which then ends the connection, or is made to.
    this.#socket.resume();
    this.#socket.finish();
    this.#home.wiring.wheel.arm(this.#timer, this.#home.limits.lingerMs);
  }

  #end(): void {
    this.#state = "closed";
    this.#home.wiring.wheel.cancel(this.#timer);
    this.#home.forget(this);
  }
}
