/** A backend as pages are told of it: rounded, so that only what people would see counts as a change. */

/** Takes an entry of `GET /backends`. */
export function liveView(entry: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { cpu_pct: cores, report_age_seconds: age } = entry;
  return {
    ...entry,
    ...(Array.isArray(cores) ? { cpu_pct: cores.map((pct) => Math.round(Number(pct))) } : {}),
    // Every second it would be another one; only of a report that is late people want to know how late it is.
    ...(typeof age === "number"
      ? { report_age_seconds: age < LATE ? 0 : Math.floor(age / STEP) * STEP }
      : {}),
    last_check_at: undefined,
  };
}

/** In seconds. Agents report every few seconds. */
const LATE = 15;
const STEP = 5;
