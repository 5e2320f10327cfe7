/** What `top` shows: backends with their rates, in order, and which of them are on the screen. Pure. */
import type { BackendView } from "../backend-view.ts";
import type { Counts } from "../traffic.ts";

export const SORT_KEYS = ["name", "status", "cpu", "memory", "gpu", "in-flight", "latency", "rate"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Columns of figures. */
export type FigureKey = Exclude<SortKey, "name" | "status">;

export interface Row extends BackendView {
  /** Requests a second since the look before; null while there is none. */
  readonly rate: number | null;
}

export interface Order {
  readonly key: SortKey;
  readonly isReversed: boolean;
}

/** One look at the server. */
export interface Look {
  readonly atMs: number;
  readonly views: readonly BackendView[];
}

/** Adds rates: what came since the look before, by the clock in between. */
export function rowsOf(before: Look | null, now: Look): Row[] {
  const old = new Map(before?.views.map((each) => [each.id, each.requestsTotal]) ?? []);
  const seconds = before === null ? 0 : (now.atMs - before.atMs) / 1000;
  return now.views.map((view) => {
    const last = old.get(view.id) ?? null;
    const { requestsTotal: total } = view;
    // Fewer than before: the server was started again.
    const isKnown = last !== null && total !== null && total >= last && seconds > 0;
    return { ...view, rate: isKnown ? (total - last) / seconds : null };
  });
}

/** What all backends together have done; null when the server does not count by backend. */
export function countsOf({ atMs, views }: Look): Counts | null {
  if (views.some(({ requestsTotal }) => requestsTotal === null)) return null;
  return {
    atMs,
    requests: views.reduce((sum, { requestsTotal }) => sum + (requestsTotal ?? 0), 0),
    errors: views.reduce((sum, { errorsTotal }) => sum + (errorsTotal ?? 0), 0),
  };
}

/** Sorts names and states upwards and figures downwards, the unknown last; equal ones by name. */
export function sorted(rows: readonly Row[], { key, isReversed }: Order): Row[] {
  const sign = isReversed ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(a, b, key) || byName(a, b));
}

/** Keeps the first row on the screen such that the screen is used. */
export function clampScroll(first: number, rows: number, visible: number): number {
  return Math.max(0, Math.min(first, rows - visible));
}

/** The column `by` places after another one, round the end. */
export function neighbour(key: SortKey, by: number): SortKey {
  const at = SORT_KEYS.indexOf(key) + by;
  return SORT_KEYS[(at + SORT_KEYS.length) % SORT_KEYS.length] ?? key;
}

function compare(a: Row, b: Row, key: SortKey): number {
  if (key === "name") return byName(a, b);
  if (key === "status") return a.status.localeCompare(b.status);
  return (figureOf(b, key) ?? -1) - (figureOf(a, key) ?? -1);
}

function byName(a: Row, b: Row): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

const FIGURES: Readonly<Record<FigureKey, (row: Row) => number | null>> = {
  cpu: (row) => row.cpuPct,
  memory: (row) => row.memoryPct,
  gpu: (row) => row.gpuPct,
  "in-flight": (row) => row.inFlight,
  latency: (row) => row.latencyMs,
  rate: (row) => row.rate,
};

/** The figure of a column; null where it is not known. */
export function figureOf(row: Row, key: FigureKey): number | null {
  return FIGURES[key](row);
}
