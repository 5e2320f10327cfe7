import { i32 } from "../../../core/table/buffer-layout.ts";
import {
  attemptsOf,
  errorRateOf,
  type TrafficReading,
  trafficSince,
} from "../../../core/table/figures/traffic-reading.ts";
import type { Tables } from "../../../core/table/tables.ts";

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

/** What a step has in which nothing happened, by series. */
const QUIET: readonly number[] = [0, 0, Number.NaN, Number.NaN, Number.NaN, 0];

/** A ring of figures for each series of one subject; made when the first thing happens, until when all is quiet. */
class Track {
  readonly generation: number;
  rings: readonly Float32Array[] | null = null;
  /** The first step of which something is known, while there are no rings. */
  since: number;
  before: TrafficReading;
  /** When it began: what was counted before is no part of the first step. */
  beforeMs: number;
  /** {@link TrafficTable.events} at that time. */
  events: number;

  constructor(
    generation: number,
    since: number,
    begun: { readonly before: TrafficReading; readonly events: number; readonly nowMs: number },
  ) {
    this.generation = generation;
    this.since = since;
    this.before = begun.before;
    this.events = begun.events;
    this.beforeMs = begun.nowMs;
  }

  /** The rings, which have been quiet until a step if they had to be made. */
  ringsAt(step: number, points: number): readonly Float32Array[] {
    if (this.rings !== null) return this.rings;
    this.rings = SERIES.map(() => new Float32Array(points).fill(Number.NaN));
    for (let at = Math.max(this.since, step - points + 1); at < step; at++) this.fill(at % points, QUIET);
    return this.rings;
  }

  /** Writes one step, if there are rings. */
  fill(at: number, values: readonly number[]): void {
    if (this.rings === null) return;
    for (const [index, ring] of this.rings.entries()) ring[at] = values[index] ?? Number.NaN;
  }
}

/**
 * The past at one distance of points, in fixed memory: old points give way to new ones. While nothing happens, a step
 * costs a look at three numbers, whatever the number of backends.
 */
export class HistoryLevel {
  readonly stepMs: number;
  readonly points: number;
  readonly #tables: Tables;
  readonly #mostRows: number;
  readonly #total: Track;
  readonly #rows = new Map<number, Track>();
  /** Number of the last step that has ended, by the clock. */
  #step: number;
  /** The last one that was written; those since were quiet. */
  #written: number;
  /** When the last step was looked at. */
  #lookedMs: number;
  /** What tells that nothing has happened. */
  #activity = -1;
  #rowVersion = -1;
  #inFlight = 0;

  constructor(tables: Tables, options: { stepMs: number; points: number; mostRows: number }, nowMs: number) {
    this.stepMs = options.stepMs;
    this.points = options.points;
    this.#tables = tables;
    this.#mostRows = options.mostRows;
    this.#step = Math.floor(nowMs / options.stepMs);
    this.#written = this.#step;
    this.#lookedMs = nowMs;
    const { traffic } = tables;
    const begun = { events: traffic.eventsOfAll(), before: traffic.readTotal(), nowMs };
    this.#total = new Track(0, this.#step + 1, begun);
  }

  /** Writes the step that has ended, if one has. `rows` gives those of all backends. */
  take(rows: () => readonly HistoryRow[], nowMs: number): void {
    const step = Math.floor(nowMs / this.stepMs);
    if (step === this.#step) return;
    if (step === this.#step + 1 && this.#isQuiet()) {
      this.#step = step;
      this.#lookedMs = nowMs;
      return;
    }
    this.#catchUp();
    // Steps in which the process did not run stay empty.
    const missed = Math.min(this.points, Math.max(0, step - this.#step - 1));
    this.#step = step;
    this.#written = step;
    this.#lookedMs = nowMs;
    this.#skip(missed);
    this.#follow(rows, nowMs);
    this.#writeAll(nowMs);
  }

  /** The last `points` steps of the whole, or of one backend; null when that has no history. */
  window(points: number, of: HistoryRow | null): Window | null {
    this.#catchUp();
    const track = of === null ? this.#total : this.#trackOf(of);
    return track === null ? null : this.#read(track, Math.min(points, this.points));
  }

  /** Share of the attempts that failed in the last steps, 0 to 1; null when nothing is known of the backend. */
  errorRate(points: number, of: HistoryRow): number | null {
    const track = this.#trackOf(of);
    if (track === null) return null;
    if (track.rings === null) return 0;
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

  /** Nothing is in flight, and nothing has begun or ended since the last step; nor have backends come or gone. */
  #isQuiet(): boolean {
    const { backends, counters } = this.#tables;
    if (this.#inFlight !== 0 || backends.rowVersion !== this.#rowVersion) return false;
    return counters.activity() === this.#activity;
  }

  /** Writes the quiet steps since the last one that was written. */
  #catchUp(): void {
    if (this.#written === this.#step) return;
    const first = Math.max(this.#written + 1, this.#step - this.points + 1);
    for (const track of [this.#total, ...this.#rows.values()]) {
      for (let step = first; step <= this.#step; step++) track.fill(step % this.points, QUIET);
      track.beforeMs = this.#lookedMs;
    }
    this.#written = this.#step;
  }

  /** Forgets as many steps before the present one. */
  #skip(missed: number): void {
    if (missed === 0) return;
    for (const track of [this.#total, ...this.#rows.values()]) {
      if (missed < this.points) track.ringsAt(this.#step, this.points);
      for (let back = 1; back <= missed; back++) track.fill((this.#step - back) % this.points, []);
      track.since = this.#step;
    }
  }

  /** Forgets backends that are gone, and begins with new ones while there is room. */
  #follow(rows: () => readonly HistoryRow[], nowMs: number): void {
    const { rowVersion } = this.#tables.backends;
    if (rowVersion === this.#rowVersion) return;
    this.#rowVersion = rowVersion;
    const present = new Map(rows().map(({ row, generation }) => [row, generation]));
    for (const [row, { generation }] of this.#rows) {
      if (present.get(row) !== generation) this.#rows.delete(row);
    }
    const { traffic } = this.#tables;
    for (const [row, generation] of present) {
      if (this.#rows.size >= this.#mostRows) break;
      if (this.#rows.has(row)) continue;
      const events = traffic.events(row, generation);
      const begun = { events, before: traffic.read(row, generation), nowMs };
      this.#rows.set(row, new Track(generation, this.#step + 1, begun));
    }
  }

  #writeAll(nowMs: number): void {
    const { backends, counters, traffic } = this.#tables;
    const { inFlight } = backends.columns;
    // Before the figures: what comes meanwhile is news to the next step.
    this.#activity = counters.activity();
    this.#inFlight = 0;
    for (let row = 0; row < backends.limit; row++) this.#inFlight += i32(inFlight, row);
    const events = traffic.eventsOfAll();
    this.#write(this.#total, { events, inFlight: this.#inFlight, nowMs }, () => traffic.readTotal());
    for (const [row, track] of this.#rows) {
      const now = { events: traffic.events(row, track.generation), inFlight: i32(inFlight, row), nowMs };
      this.#write(track, now, () => traffic.read(row, track.generation));
    }
  }

  #write(
    track: Track,
    { events, inFlight, nowMs }: { events: number; inFlight: number; nowMs: number },
    read: () => TrafficReading,
  ): void {
    const at = this.#step % this.points;
    const seconds = (nowMs - track.beforeMs) / 1000;
    track.beforeMs = nowMs;
    if (events === track.events && inFlight === 0) {
      if (seconds > 0) track.fill(at, QUIET);
      return;
    }
    track.ringsAt(this.#step, this.points);
    track.fill(at, this.#valuesOf(track, { now: read(), inFlight, seconds }));
    track.events = events;
  }

  #valuesOf(
    track: Track,
    { now, inFlight, seconds }: { now: TrafficReading; inFlight: number; seconds: number },
  ): number[] {
    const past = trafficSince(now, track.before);
    track.before = now;
    const { scale } = this.#tables.traffic;
    const quantile = (q: number): number => scale.quantile(past.cells, q) ?? Number.NaN;
    return [
      seconds > 0 ? attemptsOf(past) / seconds : Number.NaN,
      errorRateOf(past),
      quantile(0.5),
      quantile(0.9),
      quantile(0.99),
      inFlight,
    ];
  }

  #read(track: Track, points: number): Window {
    const first = this.#step - points + 1;
    const series = (name: SeriesName): (number | null)[] => {
      const index = SERIES.indexOf(name);
      const ring = track.rings?.[index];
      const quiet = QUIET[index] ?? Number.NaN;
      return Array.from({ length: points }, (_, offset) => {
        const step = first + offset;
        const unwritten = step < track.since ? Number.NaN : quiet;
        const value = ring === undefined ? unwritten : (ring[step % this.points] ?? Number.NaN);
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

/** Single precision has no more digits to tell. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
