import type { Upstream, UpstreamPool, UpstreamUser } from "../exchange/sides.ts";
import type { Attempts, ConnectTarget } from "../net/connect-target.ts";
import { lifetimeMs, type PoolLimits, type Slots, type Wiring } from "../net/wiring.ts";
import { BackendSession, type SessionHome } from "./backend-session.ts";
import { BackendStream } from "./backend-stream.ts";

/** The HTTP/2 connections of one worker to one origin: as few as the backend's limit on streams allows. */
export class SessionPool implements UpstreamPool, SessionHome {
  readonly target: ConnectTarget;
  readonly attempts: Attempts = { forsaken: 0 };
  readonly wiring: Wiring;
  readonly limits: PoolLimits;
  readonly #slots: Slots;
  readonly #sessions = new Set<BackendSession>();
  #idle = 0;
  #retired = false;
  #isSpare = false;

  constructor(target: ConnectTarget, limits: PoolLimits, wiring: Wiring, slots: Slots) {
    this.target = target;
    this.wiring = wiring;
    this.limits = limits;
    this.#slots = slots;
  }

  newLifetimeMs(): number {
    return lifetimeMs(this.limits, Math.random());
  }

  /** `fresh` asks for nothing here: a connection on which streams are no longer taken is not used anyway. */
  open(user: UpstreamUser): Upstream | null {
    const upstream = new BackendStream(user);
    return this.place(upstream) ? upstream : null;
  }

  place(upstream: BackendStream): boolean {
    if (this.limits.reuses) {
      for (const session of this.#sessions) if (session.take(upstream)) return true;
    }
    if (!this.#slots.take()) return false;
    const session = new BackendSession(this);
    this.#sessions.add(session);
    return session.take(upstream);
  }

  closeIdle(): void {
    for (const session of this.#sessions) session.leaveIfIdle();
  }

  retire(): void {
    this.#retired = true;
    for (const session of this.#sessions) session.leave();
  }

  forget(session: BackendSession): void {
    this.#sessions.delete(session);
    this.#slots.giveBack();
    this.changed(session);
  }

  get keepsIdle(): boolean {
    return !this.#retired && this.limits.reuses && this.#idle < this.limits.maxIdle;
  }

  changed(of: BackendSession): void {
    const { entry } = of;
    if (of.isIdle !== entry.isListed) {
      this.#idle += entry.isListed ? -1 : 1;
      if (entry.isListed) this.wiring.idle.leave(entry);
      else this.wiring.idle.rest(entry);
    }
    const isSpare = this.#slots.isScarce && [...this.#sessions].some((session) => session.isIdle);
    if (isSpare === this.#isSpare) return;
    this.#isSpare = isSpare;
    this.#slots.spare(isSpare ? () => this.#closeOne() : null);
  }

  #closeOne(): boolean {
    for (const session of this.#sessions) if (session.leaveIfIdle()) return true;
    return false;
  }
}
