import { guarded } from "../thread/faults.ts";

/** A request that waits for the answer to another one. */
export interface FlightWaiter {
  /** The answer is there, or will not do: `isShared` tells. */
  onLanded(isShared: boolean): void;
}

/** One request to a backend whose answer others wait for. */
export interface Flight {
  readonly key: string;
  readonly waiters: Set<FlightWaiter>;
}

/** For so long after an answer that could not be shared nobody waits for another one of its key. */
const UNSHARED_MS = 120_000;
/** A power of two; keys that share a slot only wait less. */
const MEMORIES = 4096;
/** More than that do not wait for one answer. */
const MAX_WAITERS = 16_384;
/** So many go on before others get their turn: each may have an answer to compress, which takes milliseconds. */
const TURN_WAITERS = 4;

/**
 * The requests to backends that are under way for the cache, by key: the first leads, later ones wait for its answer.
 * Where answers turn out not to be shareable nobody waits for a while, so that a service that is not cacheable is not
 * slowed down.
 */
export class Flights {
  readonly #isOn: boolean;
  readonly #byKey = new Map<string, Flight>();
  readonly #unsharedUntil = new Float64Array(MEMORIES);

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  /** Waits for the request of that key which is under way; null when there is none. */
  join(key: string, waiter: FlightWaiter): Flight | null {
    const flight = this.#byKey.get(key);
    if (flight === undefined || flight.waiters.size >= MAX_WAITERS) return null;
    flight.waiters.add(waiter);
    return flight;
  }

  /** Leads from now on; null when another request does already, or nobody should wait. */
  lead(key: string, hash: number, nowMs: number): Flight | null {
    if (!this.#isOn || this.#byKey.has(key)) return null;
    if (nowMs < (this.#unsharedUntil[hash % MEMORIES] ?? 0)) return null;
    const flight: Flight = { key, waiters: new Set() };
    this.#byKey.set(key, flight);
    return flight;
  }

  /** Leads a request that nobody waits for, and who comes later may; null when another one is under way. */
  refresh(key: string): Flight | null {
    if (this.#byKey.has(key)) return null;
    const flight: Flight = { key, waiters: new Set() };
    this.#byKey.set(key, flight);
    return flight;
  }

  /** Remembers that the answer could not be shared, or could. */
  remember(hash: number, isShared: boolean, nowMs: number): void {
    this.#unsharedUntil[hash % MEMORIES] = isShared ? 0 : nowMs + UNSHARED_MS;
  }

  /** It is over: who still waits is about to be told. */
  hasLanded(flight: Flight): boolean {
    return this.#byKey.get(flight.key) !== flight;
  }

  /** Ends a flight: those who wait go on, each by itself. */
  land(flight: Flight, isShared: boolean): void {
    if (this.hasLanded(flight)) return;
    this.#byKey.delete(flight.key);
    tell(flight.waiters, isShared);
  }
}

/** Tells some at once, and the others in later turns; who stops waiting meanwhile takes itself out. */
function tell(waiters: Set<FlightWaiter>, isShared: boolean): void {
  let told = 0;
  for (const waiter of waiters) {
    if (told++ === TURN_WAITERS) {
      setImmediate(() => tell(waiters, isShared));
      return;
    }
    waiters.delete(waiter);
    guarded(() => waiter.onLanded(isShared));
  }
}
