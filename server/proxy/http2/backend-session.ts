import type { FieldBlock } from "../../../core/http2/field-block.ts";
import { Session } from "../../../core/http2/session.ts";
import type { SessionOwner } from "../../../core/http2/session-owner.ts";
import type { Stream } from "../../../core/http2/stream.ts";
import type { Attempts, ConnectTarget } from "../net/connect-target.ts";
import { connectSocket } from "../net/dial.ts";
import { IdleEntry } from "../net/idle-connections.ts";
import type { PlainSocket } from "../net/plain-socket.ts";
import type { SocketOwner } from "../net/socket.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import type { PoolLimits, Wiring } from "../net/wiring.ts";
import { BackendStream, type BackendStreamHome } from "./backend-stream.ts";
import { BACKEND_GLITCHES, WINDOWS } from "./bounds.ts";
import { SocketOutput } from "./frame-output.ts";

/** Whose session it is. */
export interface SessionHome {
  readonly target: ConnectTarget;
  readonly attempts: Attempts;
  readonly wiring: Wiring;
  readonly limits: PoolLimits;
  /** A connection without requests may stay open. */
  readonly keepsIdle: boolean;
  /** How long a new connection may take requests. */
  newLifetimeMs(): number;
  /** Finds another connection for a request; false when there can be none. */
  place(upstream: BackendStream): boolean;
  /** Called once when the connection has ended. */
  forget(session: BackendSession): void;
  /** It may have become idle, or may be no longer. */
  changed(session: BackendSession): void;
}

/** Requests that may share one connection, whatever the backend allows. */
const MAX_STREAMS = 1000;
/** Requests that may wait for a connection to be made and for what the backend says of itself there. */
const MAX_WAITING = 100;
/** After the last frame the backend has this long to close. */
const LINGER_MS = 2000;
/** A connection that has lived long enough while requests wait for it is looked at again after this. */
const LOOK_AGAIN_MS = 1000;

/** One HTTP/2 connection to a backend, shared by requests. */
export class BackendSession implements SocketOwner, SessionOwner, TimerOwner, BackendStreamHome {
  readonly #home: SessionHome;
  readonly #socket: PlainSocket;
  readonly #session: Session;
  readonly #timer = new WheelTimer(this);
  /** Its place among the idle connections of the worker. */
  readonly entry = new IdleEntry(() => this.leave());
  /** Runs out when the connection has lived for as long as it may. */
  readonly #life = new WheelTimer({ onTimer: () => this.#retire() });
  /** Streams that are to be opened once the backend has said how many there may be. */
  readonly #waiting = new Set<BackendStream>();
  #state: "connecting" | "open" | "closing" | "closed" = "connecting";
  /** A ping is out because a request went without an answer. */
  #isDoubted = false;
  #hasServed = false;
  #isForgotten = false;
  /** Why we have ended it; for the log. */
  #abortReason = "";
  /** TCP is up, TLS is not. */
  #isShakingHands = false;

  constructor(home: SessionHome) {
    this.#home = home;
    const { wheel, out, headLimits } = home.wiring;
    wheel.arm(this.#timer, home.limits.connectTimeoutMs);
    this.#socket = connectSocket(home.target, this, home.attempts);
    this.#session = new Session(new SocketOutput(out, this.#socket), this, {
      isServer: false,
      head: headLimits,
      maxStreams: MAX_STREAMS,
      window: WINDOWS,
      glitches: BACKEND_GLITCHES,
      now: () => performance.now(),
    });
  }

  get isIdle(): boolean {
    return (
      this.#state === "open" &&
      this.#session.isUsable &&
      this.#session.openStreams === 0 &&
      this.#waiting.size === 0
    );
  }

  get scheme(): "http" | "https" {
    const { target } = this.#home;
    return target.kind === "tcp" && target.tls !== null ? "https" : "http";
  }

  /** Takes a request, now or soon; false when another connection has to. */
  take(upstream: BackendStream): boolean {
    const isSettled = this.#state === "open" && this.#session.isSettled;
    const isComing = !isSettled && (this.#state === "connecting" || this.#state === "open");
    if (isSettled) return this.#start(upstream);
    if (!isComing || this.#waiting.size >= MAX_WAITING) return false;
    this.#waiting.add(upstream);
    upstream.assign(this);
    return true;
  }

  /** Takes no more requests, and closes after the last one. */
  leave(): void {
    if (this.#state === "connecting") {
      if (this.#waiting.size === 0) this.#abort();
    } else if (this.#waiting.size === 0) {
      const wasIdle = this.isIdle;
      this.#session.goAway();
      if (wasIdle && this.#state === "open") this.#home.wiring.wheel.arm(this.#timer, LINGER_MS);
      this.#home.changed(this);
    }
  }

  leaveIfIdle(): boolean {
    if (!this.isIdle) return false;
    this.leave();
    return true;
  }

  encoder() {
    return this.#session.encoder;
  }

  flush(): void {
    this.#home.wiring.out.flush();
  }

  forgetWaiting(stream: BackendStream): void {
    this.#waiting.delete(stream);
    // Nobody waits for the connection any more, and who comes later will make another one.
    if (this.#state === "connecting" && this.#waiting.size === 0) this.#abort();
  }

  doubt(): void {
    if (this.#isDoubted || this.#state !== "open") return;
    this.#isDoubted = true;
    this.#session.ping();
    this.#home.wiring.wheel.arm(this.#timer, this.#home.limits.connectTimeoutMs);
  }

  readHead(stream: Stream, block: FieldBlock, endsStream: boolean): string {
    const { events } = stream;
    return events instanceof BackendStream ? events.readHead(stream, block, endsStream) : "";
  }

  onMalformed(): void {
    // The stream's user learns why.
  }

  onChange(): void {
    if (this.#state === "open") this.#startWaiting();
    if (this.isIdle) {
      if (!this.entry.isListed && !this.#home.keepsIdle) this.leave();
      else if (!this.#isDoubted) this.#armIdle();
    } else if (this.#state === "open" && this.#session.openStreams === 0 && !this.#session.isUsable) {
      // The last stream of a connection that goes away has ended: what is left is the farewell.
      this.#home.wiring.wheel.arm(this.#timer, LINGER_MS);
    }
    this.#home.changed(this);
  }

  onPong(): void {
    if (!this.#isDoubted) return;
    this.#isDoubted = false;
    if (this.isIdle) this.#armIdle();
    else this.#home.wiring.wheel.cancel(this.#timer);
  }

  onOver(): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#state = "closing";
    this.#failWaiting("the backend closed the connection");
    this.#socket.finish();
    this.#home.wiring.wheel.arm(this.#timer, LINGER_MS);
    this.#home.changed(this);
  }

  onConnected(): void {
    const { limits, wiring } = this.#home;
    if (this.#state !== "connecting" || limits.handshakeTimeoutMs === 0) return;
    if (this.#timer.deadlineMs - wiring.wheel.nowMs <= limits.handshakeTimeoutMs) return;
    this.#isShakingHands = true;
    wiring.wheel.arm(this.#timer, limits.handshakeTimeoutMs);
  }

  onOpen(): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    const { limits, wiring } = this.#home;
    if (limits.keepAliveMs > 0) this.#socket.keepAlive(limits.keepAliveMs);
    if (limits.maxLifetimeMs > 0) wiring.wheel.arm(this.#life, this.#home.newLifetimeMs());
    // Until the backend has said what it is; a connect that gets no further than TCP is no connection.
    wiring.wheel.arm(this.#timer, limits.connectTimeoutMs);
    this.#session.start();
  }

  onData(chunk: Buffer): void {
    if (this.#state === "open") this.#session.receive(chunk);
  }

  onEnd(): void {
    if (this.#state === "open") this.#abort();
  }

  onDrain(): void {
    if (this.#state === "open") this.#session.drained();
  }

  onClose(): void {
    if (this.#state === "closed") return;
    const wasConnecting = this.#state === "connecting";
    this.#state = "closed";
    this.#home.wiring.wheel.cancel(this.#timer);
    this.#forget();
    this.#session.end();
    const reason = wasConnecting
      ? this.#socket.failure || "closed"
      : "the connection ended before HTTP/2 began";
    this.#failWaiting(this.#abortReason || reason);
  }

  onTimer(): void {
    if (this.#state === "closing") this.#socket.abort();
    else if (this.isIdle && this.#session.isSettled && !this.#isDoubted) this.leave();
    else this.#abort();
  }

  #start(upstream: BackendStream): boolean {
    const stream = this.#session.open(upstream);
    if (stream === null) return false;
    if (this.#session.openStreams === 1 && !this.#isDoubted) this.#home.wiring.wheel.cancel(this.#timer);
    upstream.assign(this);
    upstream.opened(stream, this.#hasServed);
    this.#hasServed = true;
    this.#home.changed(this);
    return true;
  }

  #startWaiting(): void {
    if (!this.#session.isSettled) return;
    for (const upstream of this.#waiting) {
      if (this.#session.canOpen) {
        this.#waiting.delete(upstream);
        if (this.#start(upstream)) upstream.user.onUpstreamOpen();
      } else if (this.#home.place(upstream)) this.#waiting.delete(upstream);
      else break;
    }
    if (!this.#session.isUsable) this.#failWaiting("the backend takes no requests");
  }

  #failWaiting(reason: string): void {
    for (const upstream of this.#waiting) {
      this.#waiting.delete(upstream);
      upstream.fail(reason);
    }
  }

  #abort(): void {
    const wasConnecting = this.#state === "connecting";
    if (this.#state === "closed" || this.#state === "closing") return;
    this.#state = "closing";
    const late = this.#isShakingHands ? "TLS handshake timeout" : "timeout";
    this.#abortReason = wasConnecting ? late : "the connection hangs";
    this.#home.wiring.wheel.cancel(this.#timer);
    this.#socket.abort();
    // A kernel may go on trying to connect for minutes: that is no connection any more.
    this.#forget();
    this.#session.end();
    this.#failWaiting(this.#abortReason);
  }

  #armIdle(): void {
    this.#home.wiring.wheel.arm(this.#timer, this.#home.limits.idleTimeoutMs);
  }

  #forget(): void {
    if (this.#isForgotten) return;
    this.#isForgotten = true;
    this.#home.wiring.wheel.cancel(this.#life);
    this.#home.forget(this);
  }

  #retire(): void {
    if (this.#waiting.size > 0) this.#home.wiring.wheel.arm(this.#life, LOOK_AGAIN_MS);
    else this.leave();
  }
}
