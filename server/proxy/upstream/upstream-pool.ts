import type { Attempts, ConnectTarget } from "../net/plain-socket.ts";
import type { TimerWheel } from "../net/timer-wheel.ts";
import { Upstream, type UpstreamHome, type UpstreamUser } from "./upstream.ts";

/** Bounds of one pool. */
export interface PoolLimits {
  readonly maxIdle: number;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/**
 * The connections of one worker to one origin. Idle ones are used last in, first out: the warmest connection
 * is the least likely to have been closed by the backend, and the rest can time out.
 */
export class UpstreamPool implements UpstreamHome {
  readonly connectTimeoutMs: number;
  readonly target: ConnectTarget;
  readonly attempts: Attempts = { forsaken: 0 };
  readonly #limits: PoolLimits;
  readonly #wheel: TimerWheel;
  readonly #idle: Upstream[] = [];
  #retired = false;

  constructor(target: ConnectTarget, limits: PoolLimits, wheel: TimerWheel) {
    this.target = target;
    this.#limits = limits;
    this.#wheel = wheel;
    this.connectTimeoutMs = limits.connectTimeoutMs;
  }

  /** An idle connection, ready to send on, or null. */
  take(user: UpstreamUser): Upstream | null {
    const upstream = this.#idle.pop();
    if (upstream === undefined) return null;
    upstream.idleIndex = -1;
    upstream.use(user);
    return upstream;
  }

  /** A new connection; the user hears whether it came about. */
  connect(user: UpstreamUser): Upstream {
    return new Upstream(this, user, this.#wheel);
  }

  /** Takes back a connection whose last response was complete, with nothing left over on either side. */
  giveBack(upstream: Upstream): void {
    if (upstream.state !== "busy") return;
    if (this.#retired || this.#idle.length >= this.#limits.maxIdle) {
      upstream.drop("close");
      return;
    }
    upstream.idleIndex = this.#idle.length;
    this.#idle.push(upstream);
    upstream.rest(this.#limits.idleTimeoutMs);
  }

  /** Closes what is idle and keeps nothing from now on: the backend is gone. */
  retire(): void {
    this.#retired = true;
    this.closeIdle();
  }

  closeIdle(): void {
    for (let upstream = this.#idle.at(-1); upstream !== undefined; upstream = this.#idle.at(-1)) {
      upstream.drop("close");
    }
  }

  forget(upstream: Upstream): void {
    const at = upstream.idleIndex;
    if (at < 0) return;
    upstream.idleIndex = -1;
    this.#idle.splice(at, 1);
    for (let index = at; index < this.#idle.length; index++) {
      const moved = this.#idle[index];
      if (moved !== undefined) moved.idleIndex = index;
    }
  }
}
