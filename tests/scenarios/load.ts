/** An open-loop generator: requests start at fixed times, whether those before have been answered or not. */

export interface LoadResult {
  readonly sent: number;
  readonly failed: number;
  /** What the failed ones were, each kind once. */
  readonly failures: readonly string[];
  /** Milliseconds from the time at which each request was due to its whole answer, in the order of those times. */
  readonly latencies: readonly number[];
}

export interface LoadOptions {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** The longest that a request may take. */
  readonly giveUpMs?: number;
  /** Authority of the server's certificate, for https. */
  readonly ca?: string;
  /** Called once, that long after the start. */
  readonly events?: readonly { readonly atMs: number; readonly run: () => void }[];
}

const GIVE_UP_MS = 30_000;
const TICK_MS = 2;

/** Runs a load to its end. A coordinated omission cannot hide in it: latency counts from when a request was due. */
export async function runLoad({
  url,
  perSecond,
  seconds,
  ca,
  giveUpMs = GIVE_UP_MS,
  events = [],
}: LoadOptions): Promise<LoadResult> {
  const total = Math.round(perSecond * seconds);
  const latencies: number[] = [];
  const failures = new Set<string>();
  const open = new Set<Promise<void>>();
  const pending = events.toSorted((a, b) => a.atMs - b.atMs);
  let failed = 0;
  const tls = ca === undefined ? {} : { tls: { ca } };
  const startMs = performance.now();
  const one = async (index: number): Promise<void> => {
    const dueMs = startMs + (index * 1000) / perSecond;
    try {
      const got = await fetch(url, { signal: AbortSignal.timeout(giveUpMs), ...tls });
      await got.arrayBuffer();
      if (got.status !== 200)
        throw new Error(`status ${got.status} ${got.headers.get("x-opsen-error") ?? ""}`);
    } catch (error) {
      failed++;
      failures.add(error instanceof Error ? error.message : String(error));
    }
    latencies[index] = performance.now() - dueMs;
  };
  for (let next = 0; next < total; ) {
    const elapsedMs = performance.now() - startMs;
    while (pending[0] !== undefined && pending[0].atMs <= elapsedMs) pending.shift()?.run();
    for (; next < total && (next * 1000) / perSecond <= elapsedMs; next++) {
      const request = one(next).finally(() => open.delete(request));
      open.add(request);
    }
    await Bun.sleep(TICK_MS);
  }
  await Promise.all(open);
  return { sent: total, failed, failures: [...failures], latencies };
}

/** The smallest latency that `share` of the requests did not exceed. */
export function percentile(latencies: readonly number[], share: number): number {
  const sorted = latencies.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
