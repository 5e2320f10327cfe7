/** What the web console is told over its live connection: one message a second, with what has changed. */

/** Kinds of news that a page asks for. */
export const CONSOLE_TOPICS = ["fleet", "decisions", "log"] as const;

export type ConsoleTopic = (typeof CONSOLE_TOPICS)[number];

/** What a page sends: what it wants to hear of from now on. */
export interface ConsoleWish {
  readonly watch: readonly ConsoleTopic[];
}

/** Figures of the whole server at one moment; the names of {@link LiveFigures.values}, in their order. */
export const LIVE_SERIES = [
  "requests",
  "responses_2xx",
  "responses_3xx",
  "responses_4xx",
  "responses_5xx",
  "errors",
  "bytes_in",
  "bytes_out",
  "retries",
  "in_flight",
  "waiting",
  "leases",
  "connections",
] as const;

export type LiveSeries = (typeof LIVE_SERIES)[number];

/** One moment: rates by second for what is counted, the number itself for what there is at that moment. */
export interface LiveFigures {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** In the order of {@link LIVE_SERIES}. */
  readonly values: readonly number[];
}

/** A choice of a backend that was made for a request, as a worker saw it at the request's end. */
export interface Decision {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly tier: string;
  readonly client: string;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Empty when none was found. */
  readonly backend: string;
  readonly strategy: string;
  /** By what the table said when the request ended; null where the strategy has no score. */
  readonly score: number | null;
  /** What the session had to do with it. */
  readonly session: "none" | "kept" | "assigned";
  readonly queued_ms: number;
  readonly attempts: number;
  readonly status: number;
  /** Code of an answer of our own; empty for the backend's. */
  readonly code: string;
  readonly ms: number;
}

/** What is told each second. Members that have nothing new are absent. */
export interface LiveMessage {
  /** Newest last; the first message brings those of the last minutes. */
  readonly figures: readonly LiveFigures[];
  readonly backends?: {
    /** Entries of `GET /backends` that have changed, or all of them in the first message. */
    readonly changed: readonly unknown[];
    /** Every id, in order, when one has come or gone. */
    readonly ids?: readonly string[];
  };
  /** Oldest first. */
  readonly decisions?: readonly Decision[];
  readonly log?: readonly string[];
}
