/** The server's figures of the last minutes, one set a second, for the console's charts. */
import type { CounterName } from "../../../core/table/figures/counter-names.ts";
import type { Tables } from "../../../core/table/tables.ts";
import { LIVE_SERIES, type LiveFigures, type LiveSeries } from "../../../core/wire/console.ts";

const SECOND_MS = 1000;
/** Ten minutes. */
const KEPT = 600;

/** What is counted, by the counters that make it up; its rate is shown. */
const RATES: Partial<Record<LiveSeries, readonly CounterName[]>> = {
  requests: ["requests"],
  responses_2xx: ["responses_2xx"],
  responses_3xx: ["responses_3xx"],
  responses_4xx: ["responses_4xx"],
  responses_5xx: ["responses_5xx"],
  errors: ["upstream_failures", "upstream_timeouts", "upstream_connect_failures"],
  bytes_in: ["bytes_in"],
  bytes_out: ["bytes_out"],
  retries: ["retries"],
};

/** Requests of management are none of the traffic that people mean, and most of them are 2xx. */
const LESS_MANAGEMENT: ReadonlySet<LiveSeries> = new Set(["requests", "responses_2xx"]);

/** Looks at the counters once a second. */
export class Figures {
  readonly #tables: Tables;
  readonly #wallNow: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  #kept: LiveFigures[] = [];
  #before: readonly number[];
  #beforeMs: number;
  #activity = -1;
  /** The last figures, while nothing has happened since and nothing goes on. */
  #quiet: readonly number[] | null = null;

  constructor(tables: Tables, wallNow: () => number) {
    this.#tables = tables;
    this.#wallNow = wallNow;
    this.#before = this.#totals();
    this.#beforeMs = performance.now();
    this.#timer = setInterval(() => this.#look(), SECOND_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Those after a time, in milliseconds since the epoch; the newest last. */
  since(atMs: number): readonly LiveFigures[] {
    const first = this.#kept.findIndex(({ at }) => at > atMs);
    return first < 0 ? [] : this.#kept.slice(first);
  }

  #look(): void {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#beforeMs) / SECOND_MS;
    if (seconds <= 0) return;
    this.#kept.push({ at: Math.round(this.#wallNow()), values: this.#values(seconds) });
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#beforeMs = nowMs;
  }

  /** Measures, or in a quiet time repeats: an idle server should cost next to nothing. */
  #values(seconds: number): readonly number[] {
    const activity = this.#tables.counters.activity();
    const isQuiet = activity === this.#activity;
    this.#activity = activity;
    if (isQuiet && this.#quiet !== null) return this.#quiet;
    const values = this.#measure(seconds);
    const goesOn = values.some((value, index) => value !== 0 && LIVE_SERIES[index] !== "connections");
    this.#quiet = isQuiet && !goesOn ? values : null;
    return values;
  }

  #measure(seconds: number): number[] {
    const totals = this.#totals();
    const values = LIVE_SERIES.map((name, index) => {
      if (RATES[name] === undefined) return this.#gauge(name);
      const rate = ((totals[index] ?? 0) - (this.#before[index] ?? 0)) / seconds;
      return Math.max(0, Math.round(rate * 10) / 10);
    });
    this.#before = totals;
    return values;
  }

  #totals(): number[] {
    const { counters } = this.#tables;
    const management = counters.sum("management_requests");
    return LIVE_SERIES.map((name) => {
      const sum = (RATES[name] ?? []).reduce((total, counter) => total + counters.sum(counter), 0);
      return LESS_MANAGEMENT.has(name) ? sum - management : sum;
    });
  }

  #gauge(name: LiveSeries): number {
    const { backends, counters, leases, queue } = this.#tables;
    if (name === "waiting") return queue.size;
    if (name === "leases") return leases.used;
    if (name === "connections") {
      return Math.max(0, counters.sum("connections_accepted") - counters.sum("connections_closed"));
    }
    let inFlight = 0;
    for (let row = 0; row < backends.limit; row++) inFlight += backends.columns.inFlight[row] ?? 0;
    return inFlight;
  }
}
