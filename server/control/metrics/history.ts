/** What the figures were: each second of the last quarter of an hour, and more coarsely for a day or so. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Tables } from "../../../core/table/tables.ts";
import { HistoryLevel, type HistoryRow, type Window } from "./history-level.ts";

const TICK_MS = 1000;
/** Of each second. */
const FINE_SECONDS = 900;
const SECONDS_PER_HOUR = 3600;
/** What counts as now, where one figure is told. */
const RECENT_SECONDS = 60;

export interface HistoryDeps {
  readonly config: ServerConfig;
  readonly tables: Tables;
  /** Rows of all backends. */
  readonly rows: () => readonly HistoryRow[];
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
}

export interface HistoryAnswer {
  readonly stepSeconds: number;
  /** End of the last step, by the clock by which everything ages. */
  readonly endMs: number;
  readonly window: Window;
}

/** Looks once a second, until it is stopped. */
export class History {
  readonly #deps: HistoryDeps;
  readonly #fine: HistoryLevel;
  readonly #coarse: HistoryLevel;
  readonly #timer: ReturnType<typeof setInterval>;
  #lastMs = performance.now();

  constructor(deps: HistoryDeps) {
    const { config, tables, now } = deps;
    const stepSeconds = config.metrics_collect_interval_seconds;
    const mostRows = config.metrics_history_backends;
    this.#deps = deps;
    this.#fine = new HistoryLevel(tables, { stepMs: TICK_MS, points: FINE_SECONDS, mostRows }, now());
    const points = Math.ceil((config.metrics_retention_hours * SECONDS_PER_HOUR) / stepSeconds);
    this.#coarse = new HistoryLevel(tables, { stepMs: stepSeconds * 1000, points, mostRows }, now());
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** How far back it goes, in seconds. */
  get reachSeconds(): number {
    return (this.#coarse.points * this.#coarse.stepMs) / 1000;
  }

  /** The last so many seconds of the whole, or of one backend; null when that has no history of its own. */
  window(seconds: number, of: HistoryRow | null): HistoryAnswer | null {
    const level = seconds <= FINE_SECONDS ? this.#fine : this.#coarse;
    const window = level.window(Math.ceil((seconds * 1000) / level.stepMs), of);
    if (window === null) return null;
    const endMs = Math.floor(this.#deps.now() / level.stepMs) * level.stepMs;
    return { stepSeconds: level.stepMs / 1000, endMs, window };
  }

  /** Share of the attempts that failed of late, 0 to 1; null when nothing is known of the backend. */
  errorRate(of: HistoryRow): number | null {
    return this.#fine.errorRate(RECENT_SECONDS, of);
  }

  #tick(): void {
    const { tables, rows, now } = this.#deps;
    const ms = performance.now();
    tables.loop.late(ms - this.#lastMs - TICK_MS);
    this.#lastMs = ms;
    this.#fine.take(rows, now());
    this.#coarse.take(rows, now());
  }
}
