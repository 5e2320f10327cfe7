import { classOfSlot } from "./traffic-layout.ts";

/** What was counted for one backend, or for some together, over all workers: since its row was claimed, or in a window. */
export interface TrafficReading {
  /** Requests that have ended with this backend, whatever their answer. */
  readonly requests: number;
  /** Of them by class, 1xx first. */
  readonly byClass: readonly [number, number, number, number, number];
  /** Of them by slot, see `labelOfSlot`. */
  readonly statuses: Float64Array;
  /** Attempts that brought no valid answer: no connection, none in time, a broken one. */
  readonly errors: number;
  /** Attempts after which the request was sent to another backend, or answered from the cache. */
  readonly retries: number;
  /** Answers that began well and were cut. */
  readonly broken: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Sum of the durations, from the head of the request to the end of the answer; tunnels are left out. */
  readonly durationMs: number;
  /** Waited for room, tunnels included. */
  readonly queuedMs: number;
  /** How many durations there are in each cell of the scale. */
  readonly cells: Float64Array;
  /** By the clock by which everything ages; 0 = never. */
  readonly lastAtMs: number;
  /** Connections that were opened, and requests that found one open. */
  readonly connects: number;
  readonly reuses: number;
  readonly breakersOpened: number;
  readonly breakersClosed: number;
  /** Connections that are kept without work, now; the later reading's in a window. HTTP/1.1 alone has such. */
  readonly idle: number;
}

/** What came between two readings of one row; `earlier` is null when there was none of this generation. */
export function trafficSince(later: TrafficReading, earlier: TrafficReading | null): TrafficReading {
  return earlier === null ? later : difference(later, earlier);
}

/** Tries that a backend had: requests that ended with it, and those that went elsewhere. */
export function attemptsOf({ requests, retries }: TrafficReading): number {
  return requests + retries;
}

/** Tries that failed: answered 5xx, cut, or gone elsewhere for a failure. */
export function failuresOf({ byClass, retries, broken }: TrafficReading): number {
  return byClass[4] + retries + broken;
}

/** Share of failures in the attempts, 0 to 1; 0 without any. */
export function errorRateOf(reading: TrafficReading): number {
  const attempts = attemptsOf(reading);
  return attempts === 0 ? 0 : Math.min(1, failuresOf(reading) / attempts);
}

export function byClassOf(statuses: Float64Array): [number, number, number, number, number] {
  const sums: [number, number, number, number, number] = [0, 0, 0, 0, 0];
  for (let slot = 0; slot < statuses.length; slot++) {
    const index = classOfSlot(slot) - 1;
    if (index === 0 || index === 1 || index === 2 || index === 3 || index === 4)
      sums[index] += statuses[slot] ?? 0;
  }
  return sums;
}

function difference(a: TrafficReading, b: TrafficReading): TrafficReading {
  const statuses = a.statuses.map((count, slot) => count - (b.statuses[slot] ?? 0));
  return {
    requests: a.requests - b.requests,
    byClass: byClassOf(statuses),
    statuses,
    errors: a.errors - b.errors,
    retries: a.retries - b.retries,
    broken: a.broken - b.broken,
    bytesIn: a.bytesIn - b.bytesIn,
    bytesOut: a.bytesOut - b.bytesOut,
    durationMs: a.durationMs - b.durationMs,
    queuedMs: a.queuedMs - b.queuedMs,
    cells: a.cells.map((count, cell) => count - (b.cells[cell] ?? 0)),
    lastAtMs: a.lastAtMs,
    connects: a.connects - b.connects,
    reuses: a.reuses - b.reuses,
    breakersOpened: a.breakersOpened - b.breakersOpened,
    breakersClosed: a.breakersClosed - b.breakersClosed,
    idle: a.idle,
  };
}
