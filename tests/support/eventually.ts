/** Polling with a deadline, for facts that announce themselves by no event (a process table, another process's state). */

const POLL_MS = 10;

type Awaitable<T> = T | Promise<T>;

/**
 * Calls `probe` until it returns something other than undefined, false or null, and gives that back.
 * Fails with `what` after `deadlineMs`.
 */
export async function eventually<T>(
  what: string,
  probe: () => Awaitable<T | null | undefined | false>,
  deadlineMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let cause = "";
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value;
    } catch (error) {
      cause = `; last error: ${error instanceof Error ? error.message : "not an Error"}`;
    }
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}${cause}`);
    await Bun.sleep(POLL_MS);
  }
}
