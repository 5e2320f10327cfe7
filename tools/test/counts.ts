/** Reads how many tests passed and failed from what `bun test` writes at its end. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Gives the counts of one run. A run that ended badly without naming a failed test (a file that could not be
 * loaded, an error between tests, a crash) or that had no test counts as one failure, so that it can never look green.
 */
export function countsOf(output: string, exitCode: number): Counts {
  const passed = lastNumber(output, /^ (\d+) pass$/gm) ?? 0;
  const named = lastNumber(output, /^ (\d+) fail$/gm) ?? 0;
  const finished = lastNumber(output, /^Ran (\d+) tests? across /gm) !== null;
  const broken = exitCode !== 0 || !finished || passed === 0;
  const failed = named === 0 && broken ? 1 : named;
  return { passed, failed };
}

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed };
}

function lastNumber(text: string, pattern: RegExp): number | null {
  const last = [...text.matchAll(pattern)].at(-1);
  return last?.[1] === undefined ? null : Number(last[1]);
}
