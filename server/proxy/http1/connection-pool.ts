import type { Upstream, UpstreamPool, UpstreamUser } from "../exchange/sides.ts";
import type { Attempts, ConnectTarget } from "../net/connect-target.ts";
import { lifetimeMs, type PoolLimits, type Slots, type Wiring } from "../net/wiring.ts";
import { BackendConnection, type ConnectionHome } from "./backend-connection.ts";

/**
 * The HTTP/1.1 connections of one worker to one origin. Idle ones are used last in, first out: the warmest connection
 * is the least likely to have been closed by the backend, and the rest can time out.
 */
export class ConnectionPool implements UpstreamPool, ConnectionHome {
  readonly target: ConnectTarget;
  readonly attempts: Attempts = { forsaken: 0 };
  readonly wiring: Wiring;
  readonly limits: PoolLimits;
  readonly #slots: Slots;
  readonly #idle: BackendConnection[] = [];
  #retired = false;
  #isSpare = false;

  constructor(target: ConnectTarget, limits: PoolLimits, wiring: Wiring, slots: Slots) {
    this.target = target;
    this.#slots = slots;
    this.wiring = wiring;
    this.limits = limits;
  }

  newLifetimeMs(): number {
    return lifetimeMs(this.limits, Math.random());
  }

  open(user: UpstreamUser, fresh: boolean): Upstream | null {
    const idle = fresh ? undefined : this.#freshest();
    if (idle === undefined) return this.#slots.take() ? new BackendConnection(this, user) : null;
    this.#idle.pop();
    idle.idleIndex = -1;
    this.#slots.idle(-1);
    this.wiring.idle.leave(idle.entry);
    idle.use(user);
    this.#tellSpare();
    return idle;
  }

  giveBack(connection: BackendConnection): void {
    if (this.#retired || this.#idle.length >= this.limits.maxIdle || connection.isOld) {
      connection.drop("close");
      return;
    }
    connection.idleIndex = this.#idle.length;
    this.#idle.push(connection);
    this.#slots.idle(1);
    connection.rest();
    this.wiring.idle.rest(connection.entry);
    this.#tellSpare();
  }

  retire(): void {
    this.#retired = true;
    this.closeIdle();
  }

  closeIdle(): void {
    for (let idle = this.#idle.at(-1); idle !== undefined; idle = this.#idle.at(-1)) idle.drop("close");
  }

  forget(connection: BackendConnection): void {
    this.#slots.giveBack();
    const at = connection.idleIndex;
    if (at < 0) return;
    connection.idleIndex = -1;
    this.#slots.idle(-1);
    this.wiring.idle.leave(connection.entry);
    this.#idle.splice(at, 1);
    for (let index = at; index < this.#idle.length; index++) {
      const moved = this.#idle[index];
      if (moved !== undefined) moved.idleIndex = index;
    }
    this.#tellSpare();
  }

  /** The idle connection to use next; those that have become too old on the way there are closed. */
  #freshest(): BackendConnection | undefined {
    for (;;) {
      const idle = this.#idle.at(-1);
      if (idle?.isOld !== true) return idle;
      idle.drop("close");
    }
  }

  #tellSpare(): void {
    const isSpare = this.#slots.isScarce && this.#idle.length > 0;
    if (isSpare === this.#isSpare) return;
    this.#isSpare = isSpare;
    this.#slots.spare(isSpare ? () => this.#closeOne() : null);
  }

  /** Closes the connection that has been idle for longest; says whether there was one. */
  #closeOne(): boolean {
    const idle = this.#idle[0];
    idle?.drop("close");
    return idle !== undefined;
  }
}
