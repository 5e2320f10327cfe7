import { i32 } from "../../../core/table/buffer-layout.ts";
import type { Tables } from "../../../core/table/tables.ts";
import {
  attemptsOf,
  errorRateOf,
  type TrafficReading,
  trafficSince,
} from "../../../core/table/traffic-reading.ts";

/** What is kept of each step, of the whole and of each backend that has a history. */
export const SERIES = ["rate", "error_rate", "p50_ms", "p90_ms", "p99_ms", "in_flight"] as const;
export type SeriesName = (typeof SERIES)[number];

/** The figures of one window by step, the oldest first; null for steps of which nothing is known. */
export type Window = Readonly<Record<SeriesName, readonly (number | null)[]>>;

/** One backend at one time. */
export interface HistoryRow {
  readonly row: number;
  readonly generation: number;
}

/** A ring of figures for each series of one subject. */
class Track {
  readonly generation: number;
  readonly rings: readonly Float32Array[];
  before: TrafficReading;
  /** When it began: what was counted before is no part of the first step. */
  beforeMs: number;

  constructor(generation: number, points: number, before: TrafficReading, nowMs: number) {
    this.generation = generation;
    this.rings = SERIES.map(() => new Float32Array(points).fill(Number.NaN));
    this.before = before;
    this.beforeMs = nowMs;
  }
}

/** The past at one distance of points, in fixed memory: old points give way to new ones. */
export class HistoryLevel {
  readonly stepMs: number;
  readonly points: number;
  readonly #tables: Tables;
  readonly #mostRows: number;
  readonly #total: Track;
  readonly #rows = new Map<number, Track>();
  /** Number of the step that was written last, by the clock. */
  #step: number;

  constructor(tables: Tables, options: { stepMs: number; points: number; mostRows: number }, nowMs: number) {
    this.stepMs = options.stepMs;
    this.points = options.points;
    this.#tables = tables;
    this.#mostRows = options.mostRows;
    this.#total = new Track(0, options.points, tables.traffic.readTotal(), nowMs);
    this.#step = Math.floor(nowMs / options.stepMs);
  }

  /** Writes the step that has ended, if one has. `rows` are those of all backends. */
  take(rows: readonly HistoryRow[], nowMs: number): void {
    const step = Math.floor(nowMs / this.stepMs);
    if (step === this.#step) return;
    // Steps in which the process did not run stay empty.
    const missed = Math.min(this.points, Math.max(0, step - this.#step - 1));
    this.#follow(rows, nowMs);
    let inFlight = 0;
    const requests = this.#tables.backends.columns.inFlight;
    for (const { row } of rows) inFlight += i32(requests, row);
    const at = step % this.points;
    for (const track of [this.#total, ...this.#rows.values()]) {
      for (let back = 1; back <= missed; back++) clear(track, (step - back) % this.points);
    }
    this.#write(this.#total, at, { now: this.#tables.traffic.readTotal(), inFlight, nowMs });
    for (const [row, track] of this.#rows) {
      const now = this.#tables.traffic.read(row, track.generation);
      this.#write(track, at, { now, inFlight: i32(requests, row), nowMs });
    }
    this.#step = step;
  }

  /** The last `points` steps of the whole, or of one backend; null when that has no history. */
  window(points: number, of: HistoryRow | null): Window | null {
    const track = of === null ? this.#total : this.#trackOf(of);
    return track === null ? null : this.#read(track, Math.min(points, this.points));
  }

  /** Share of the attempts that failed in the last steps, 0 to 1; null when nothing is known of the backend. */
  errorRate(points: number, of: HistoryRow): number | null {
    const window = this.window(points, of);
    if (window === null) return null;
    let requests = 0;
    let failures = 0;
    window.rate.forEach((rate, at) => {
      requests += rate ?? 0;
      failures += (rate ?? 0) * (window.error_rate[at] ?? 0);
    });
    return requests === 0 ? 0 : failures / requests;
  }

  #trackOf({ row, generation }: HistoryRow): Track | null {
    const track = this.#rows.get(row);
    return track?.generation === generation ? track : null;
  }

  /** Forgets backends that are gone, and begins with new ones while there is room. */
  #follow(rows: readonly HistoryRow[], nowMs: number): void {
    const present = new Map(rows.map(({ row, generation }) => [row, generation]));
    for (const [row, { generation }] of this.#rows) {
      if (present.get(row) !== generation) this.#rows.delete(row);
    }
    for (const [row, generation] of present) {
      if (this.#rows.size >= this.#mostRows) break;
      if (this.#rows.has(row)) continue;
      const before = this.#tables.traffic.read(row, generation);
      this.#rows.set(row, new Track(generation, this.points, before, nowMs));
    }
  }

  #write(
    track: Track,
    at: number,
    { now, inFlight, nowMs }: { now: TrafficReading; inFlight: number; nowMs: number },
  ): void {
    const seconds = (nowMs - track.beforeMs) / 1000;
    const past = trafficSince(now, track.before);
    const { scale } = this.#tables.traffic;
    const quantile = (q: number): number => scale.quantile(past.cells, q) ?? Number.NaN;
    const values = [
      seconds > 0 ? attemptsOf(past) / seconds : Number.NaN,
      errorRateOf(past),
      quantile(0.5),
      quantile(0.9),
      quantile(0.99),
      inFlight,
    ];
    for (const [index, ring] of track.rings.entries()) ring[at] = values[index] ?? Number.NaN;
    track.before = now;
    track.beforeMs = nowMs;
  }

  #read(track: Track, points: number): Window {
    const first = this.#step - points + 1;
    const series = (name: SeriesName): (number | null)[] => {
      const ring = track.rings[SERIES.indexOf(name)];
      return Array.from({ length: points }, (_, offset) => {
        const value = ring?.[(first + offset) % this.points] ?? Number.NaN;
        return Number.isNaN(value) ? null : rounded(value);
      });
    };
    return {
      rate: series("rate"),
      error_rate: series("error_rate"),
      p50_ms: series("p50_ms"),
      p90_ms: series("p90_ms"),
      p99_ms: series("p99_ms"),
      in_flight: series("in_flight"),
    };
  }
}

function clear(track: Track, at: number): void {
  for (const ring of track.rings) ring[at] = Number.NaN;
}

/** Single precision has no more digits to tell. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
