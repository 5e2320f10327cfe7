/** What a group of backends did in a window of time. */

export interface GroupWindow {
  /** Tries that its backends had: requests that ended there, and those that went elsewhere after a failure. */
  readonly requests: number;
  readonly errors: number;
  /** Sum of the durations that `cells` count. */
  readonly durationMs: number;
  /** Durations above `boundsMs[i - 1]` and up to `boundsMs[i]`; those of the last cell are above all bounds. */
  readonly cells: ArrayLike<number>;
  readonly boundsMs: ArrayLike<number>;
}

/** Both groups in the same window. */
export interface Windows {
  readonly from: GroupWindow;
  readonly to: GroupWindow;
  /** Requests that went to the other group, because theirs could not take them. */
  readonly fallbacks: number;
}

/** A group's window in short, as reports have it; null where there was nothing to measure. */
export interface GroupSummary {
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly meanMs: number | null;
}

/** A window in which nothing happened. */
export const EMPTY_GROUP: GroupWindow = { requests: 0, errors: 0, durationMs: 0, cells: [0], boundsMs: [] };
export const EMPTY_WINDOWS: Windows = { from: EMPTY_GROUP, to: EMPTY_GROUP, fallbacks: 0 };

export function summaryOf(window: GroupWindow): GroupSummary {
  const { requests, errors } = window;
  const [p50Ms, p99Ms] = [quantileMs(window, 0.5), quantileMs(window, 0.99)];
  return { requests, errors, p50Ms, p99Ms, meanMs: meanMs(window) };
}

/** Errors as a share of the requests, 0 to 1; null without any. */
export function errorRate({ requests, errors }: Pick<GroupWindow, "requests" | "errors">): number | null {
  return requests === 0 ? null : Math.min(1, errors / requests);
}

/** How many durations were counted. */
export function timed({ cells }: GroupWindow): number {
  let sum = 0;
  for (let cell = 0; cell < cells.length; cell++) sum += cells[cell] ?? 0;
  return sum;
}

export function meanMs(window: GroupWindow): number | null {
  const count = timed(window);
  return count === 0 ? null : window.durationMs / count;
}

/** Variance of the durations, each taken for the middle of its cell. */
export function varianceMs2(window: GroupWindow): number {
  const { cells } = window;
  const count = timed(window);
  if (count === 0) return 0;
  let sum = 0;
  let squares = 0;
  for (let cell = 0; cell < cells.length; cell++) {
    const middle = (lowerBound(window, cell) + upperBound(window, cell)) / 2;
    sum += (cells[cell] ?? 0) * middle;
    squares += (cells[cell] ?? 0) * middle * middle;
  }
  return Math.max(0, squares / count - (sum / count) ** 2);
}

/** The duration that a share `q` of those counted do not exceed, linear within a cell; null without any. */
export function quantileMs(window: GroupWindow, q: number): number | null {
  const { cells } = window;
  const rank = q * timed(window);
  if (rank === 0) return null;
  let before = 0;
  for (let cell = 0; cell < cells.length; cell++) {
    const count = cells[cell] ?? 0;
    if (count > 0 && before + count >= rank) {
      const low = lowerBound(window, cell);
      return low + ((upperBound(window, cell) - low) * (rank - before)) / count;
    }
    before += count;
  }
  return lowerBound(window, cells.length - 1);
}

/** How many durations were surely above a limit: those of its own cell are not counted. */
export function slowerThan(window: GroupWindow, limitMs: number): number {
  const { cells } = window;
  let sum = 0;
  for (let cell = cells.length - 1; cell >= 0 && lowerBound(window, cell) >= limitMs; cell--) {
    sum += cells[cell] ?? 0;
  }
  return sum;
}

function lowerBound({ boundsMs }: GroupWindow, cell: number): number {
  return boundsMs[cell - 1] ?? 0;
}

/** The last cell has none: what is there counts as its lower one. */
function upperBound(window: GroupWindow, cell: number): number {
  return window.boundsMs[cell] ?? lowerBound(window, cell);
}
