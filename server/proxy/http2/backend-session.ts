import type { FieldBlock } from "../../../core/http2/field-block.ts";
import { Session } from "../../../core/http2/session.ts";
import type { SessionOwner } from "../../../core/http2/session-owner.ts";
import type { Stream } from "../../../core/http2/stream.ts";
import type { Attempts, ConnectTarget } from "../net/connect-target.ts";
import { connectSocket } from "../net/dial.ts";
import type { PlainSocket } from "../net/plain-socket.ts";
import type { SocketOwner } from "../net/socket.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import type { Wiring } from "../net/wiring.ts";
import { BackendStream, type BackendStreamHome } from "./backend-stream.ts";
import { BACKEND_GLITCHES, WINDOWS } from "./bounds.ts";
import { SocketOutput } from "./frame-output.ts";

/** Whose session it is. */
export interface SessionHome {
  readonly target: ConnectTarget;
  readonly attempts: Attempts;
  readonly wiring: Wiring;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly isRetired: boolean;
  /** Finds another connection for a request; false when there can be none. */
  place(upstream: BackendStream): boolean;
  /** Called once when the connection ends. */
  forget(session: BackendSession): void;
  /** It has become idle, or is no longer. */
  changed(): void;
}

/** Requests that may share one connection, whatever the backend allows. */
const MAX_STREAMS = 1000;
/** Requests that may wait for a connection to be made and for what the backend says of itself there. */
const MAX_WAITING = 100;
/** After the last frame the backend has this long to close. */
const LINGER_MS = 2000;

/** One HTTP/2 connection to a backend, shared by requests. */
export class BackendSession implements SocketOwner, SessionOwner, TimerOwner, BackendStreamHome {
  readonly #home: SessionHome;
  readonly #socket: PlainSocket;
  readonly #session: Session;
  readonly #timer = new WheelTimer(this);
  /** Streams that are to be opened once the backend has said how many there may be. */
  readonly #waiting = new Set<BackendStream>();
  #state: "connecting" | "open" | "closing" | "closed" = "connecting";
  /** A ping is out because a request went without an answer. */
  #isDoubted = false;
  #hasServed = false;

  constructor(home: SessionHome) {
    this.#home = home;
    const { wheel, out, headLimits } = home.wiring;
    wheel.arm(this.#timer, home.connectTimeoutMs);
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
    return this.#state === "open" && this.#session.openStreams === 0 && this.#waiting.size === 0;
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
    } else if (this.#waiting.size === 0) this.#session.goAway();
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
    this.#home.wiring.wheel.arm(this.#timer, this.#home.connectTimeoutMs);
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
      if (this.#home.isRetired) this.#session.goAway();
      else if (!this.#isDoubted) this.#home.wiring.wheel.arm(this.#timer, this.#home.idleTimeoutMs);
    }
    this.#home.changed();
  }

  onPong(): void {
    if (!this.#isDoubted) return;
    this.#isDoubted = false;
    if (this.isIdle) this.#home.wiring.wheel.arm(this.#timer, this.#home.idleTimeoutMs);
    else this.#home.wiring.wheel.cancel(this.#timer);
  }

  onOver(): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#state = "closing";
    this.#failWaiting("the backend closed the connection");
    this.#home.forget(this);
    this.#socket.finish();
    this.#home.wiring.wheel.arm(this.#timer, LINGER_MS);
  }

  onOpen(): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    // Until the backend has said what it is; a connect that gets no further than TCP is no connection.
    this.#home.wiring.wheel.arm(this.#timer, this.#home.connectTimeoutMs);
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
    const wasForgotten = this.#state === "closing";
    const wasConnecting = this.#state === "connecting";
    this.#state = "closed";
    this.#home.wiring.wheel.cancel(this.#timer);
    this.#session.end();
    this.#failWaiting(
      wasConnecting ? this.#socket.failure || "closed" : "the connection ended before HTTP/2 began",
    );
    if (!wasForgotten) this.#home.forget(this);
  }

  onTimer(): void {
    if (this.#state === "closing") this.#socket.abort();
    else if (this.#state === "open" && this.isIdle && this.#session.isSettled && !this.#isDoubted)
      this.leave();
    else this.#abort();
  }

  #start(upstream: BackendStream): boolean {
    const stream = this.#session.open(upstream);
    if (stream === null) return false;
    if (this.#session.openStreams === 1 && !this.#isDoubted) this.#home.wiring.wheel.cancel(this.#timer);
    upstream.assign(this);
    upstream.opened(stream, this.#hasServed);
    this.#hasServed = true;
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
    this.#home.wiring.wheel.cancel(this.#timer);
    this.#home.forget(this);
    this.#session.end();
    this.#failWaiting(wasConnecting ? "timeout" : "the connection hangs");
    this.#socket.abort();
  }
}
