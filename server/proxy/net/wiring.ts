/** What connections to backends need of their worker, whatever protocol they speak. */
import type { HeadLimits } from "../../../core/http/message-head.ts";
import type { IdleConnections } from "./idle-connections.ts";
import type { SendBuffer } from "./send-buffer.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** What the connections of a worker share. */
export interface Wiring {
  readonly wheel: TimerWheel;
  readonly out: SendBuffer;
  readonly headLimits: HeadLimits;
  readonly idle: IdleConnections;
}

/** Bounds of one pool. */
export interface PoolLimits {
  readonly maxIdle: number;
  readonly idleTimeoutMs: number;
  /** Name, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Of these TLS alone; 0 = what the others leave. */
  readonly handshakeTimeoutMs: number;
  /** A connection that is older serves no further request; 0 = none is too old. */
  readonly maxLifetimeMs: number;
  /** Silence after which the kernel asks whether the peer is still there; 0 = it never does. */
  readonly keepAliveMs: number;
  /** How long the last bytes of a connection that was a tunnel may take. */
  readonly lingerMs: number;
  /** A connection serves more than one request. */
  readonly reuses: boolean;
}

/** So much of a connection's life is left to chance: those that were made together must not end together. */
const LIFETIME_JITTER = 0.1;

/** How long a new connection may serve requests; `random` is from 0 to 1. */
export function lifetimeMs({ maxLifetimeMs }: Pick<PoolLimits, "maxLifetimeMs">, random: number): number {
  return maxLifetimeMs === 0 ? Number.POSITIVE_INFINITY : maxLifetimeMs * (1 - LIFETIME_JITTER * random);
}

/** The connections to one backend, counted over all workers. */
export interface Slots {
  /** Counts one more; false when there are as many as there may be. */
  take(): boolean;
  giveBack(): void;
  /** One more or one less of them is kept without work. */
  idle(more: 1 | -1): void;
  /** The number of connections is limited: an idle one may be wanted elsewhere. */
  readonly isScarce: boolean;
  /** Says how to close an idle one that is wanted elsewhere; null while there is none. */
  spare(closeOne: (() => boolean) | null): void;
}

/** For connections that nobody counts, as those to the control plane. */
export const UNCOUNTED: Slots = {
  take: () => true,
  giveBack: () => {},
  idle: () => {},
  isScarce: false,
  spare: () => {},
};
