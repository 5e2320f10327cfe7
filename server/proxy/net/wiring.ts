/** What connections to backends need of their worker, whatever protocol they speak. */
import type { HeadLimits } from "../../../core/http/message-head.ts";
import type { SendBuffer } from "./send-buffer.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** What the connections of a worker share. */
export interface Wiring {
  readonly wheel: TimerWheel;
  readonly out: SendBuffer;
  readonly headLimits: HeadLimits;
}

/** Bounds of one pool. */
export interface PoolLimits {
  readonly maxIdle: number;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly lingerMs: number;
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
