import { type Attempts, type ConnectTarget, connectSocket, type PlainSocket } from "../net/plain-socket.ts";
import type { SocketOwner } from "../net/socket.ts";
import { type TimerOwner, type TimerWheel, WheelTimer } from "../net/timer-wheel.ts";

/** Who uses a connection to a backend at the moment. */
export interface UpstreamUser {
  /** Called when the connection is ready. */
  onUpstreamOpen(): void;
  /** Called instead when no connection came about; nothing was sent. The reason is for the log. */
  onUpstreamFailed(reason: string): void;
  onUpstreamData(chunk: Buffer): void;
  /** Called when the backend has sent all that it will send (FIN). */
  onUpstreamEnd(): void;
  onUpstreamDrain(): void;
  /** Called when the connection is gone; `clean` is false after a reset. */
  onUpstreamClose(clean: boolean): void;
}

/** Where a connection goes back to. */
export interface UpstreamHome {
  readonly target: ConnectTarget;
  readonly attempts: Attempts;
  readonly connectTimeoutMs: number;
  /** Called once when a connection ends, wherever it is. */
  forget(upstream: Upstream): void;
}

/** One connection to a backend or to the control plane: connecting, in use, or idle in its pool. */
export class Upstream implements SocketOwner, TimerOwner {
  readonly home: UpstreamHome;
  readonly socket: PlainSocket;
  /** Served a request before: only then may a failure before the first byte be a stale connection. */
  reused = false;
  state: "connecting" | "busy" | "idle" | "closed" = "connecting";
  /** Position in the idle list of the pool, -1 outside. */
  idleIndex = -1;
  #user: UpstreamUser | null;
  readonly #wheel: TimerWheel;
  readonly #timer = new WheelTimer(this);

  constructor(home: UpstreamHome, user: UpstreamUser, wheel: TimerWheel) {
    this.home = home;
    this.#user = user;
    this.#wheel = wheel;
    wheel.arm(this.#timer, home.connectTimeoutMs);
    this.socket = connectSocket(home.target, this, home.attempts);
  }

  /** Gives an idle connection to a request. */
  use(user: UpstreamUser): void {
    this.#user = user;
    this.reused = true;
    this.state = "busy";
    this.#wheel.cancel(this.#timer);
  }

  /** Changes the user of a busy connection, for tunnels. */
  handTo(user: UpstreamUser): void {
    this.#user = user;
  }

  /** Marks it idle; anything that the backend does from here on but silence ends it. */
  rest(idleTimeoutMs: number): void {
    this.#user = null;
    this.state = "idle";
    this.socket.resume();
    this.#wheel.arm(this.#timer, idleTimeoutMs);
  }

  /** Ends it; its user hears nothing any more. `abort` resets, so that a half-sent request cannot look complete. */
  drop(how: "close" | "abort"): void {
    this.#user = null;
    if (this.state === "closed") return;
    const connecting = this.state === "connecting";
    this.#end();
    if (connecting || how === "abort") this.socket.abort();
    else this.socket.close();
  }

  /** Ends it in order when what waits has been sent, or after a while. */
  leave(withinMs: number): void {
    this.#user = null;
    if (this.state === "closed") return;
    this.socket.resume();
    this.socket.finish();
    this.#wheel.arm(this.#timer, withinMs);
  }

  onOpen(): void {
    if (this.state !== "connecting") return;
    this.#wheel.cancel(this.#timer);
    this.state = "busy";
    this.#user?.onUpstreamOpen();
  }

  onData(chunk: Buffer): void {
    // Bytes that no request asked for: answers of nobody must never reach the next request (RFC 9112 section 9.2).
    if (this.state === "idle") this.drop("close");
    else this.#user?.onUpstreamData(chunk);
  }

  onEnd(): void {
    if (this.state === "idle") this.drop("close");
    else this.#user?.onUpstreamEnd();
  }

  onDrain(): void {
    this.#user?.onUpstreamDrain();
  }

  onClose(clean: boolean): void {
    if (this.state === "closed") return;
    const connecting = this.state === "connecting";
    const user = this.#user;
    this.#user = null;
    this.#end();
    if (connecting) user?.onUpstreamFailed(this.socket.failure || "closed");
    else user?.onUpstreamClose(clean);
  }

  onTimer(): void {
    const user = this.#user;
    const connecting = this.state === "connecting";
    this.drop("abort");
    if (connecting) user?.onUpstreamFailed("timeout");
  }

  #end(): void {
    this.state = "closed";
    this.#wheel.cancel(this.#timer);
    this.home.forget(this);
  }
}
