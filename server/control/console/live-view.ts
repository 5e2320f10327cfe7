/** A backend as pages are told of it: rounded, so that only what people would see counts as a change. */

/** Takes an entry of `GET /backends`. */
export function liveView(entry: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { cpu_pct: cores, report_age_seconds: age } = entry;
  return {
    ...entry,
    ...(Array.isArray(cores) ? { cpu_pct: cores.map((pct) => Math.round(Number(pct))) } : {}),
    // Every second it would be another one; a late report shows soon enough.
    ...(typeof age === "number" ? { report_age_seconds: Math.floor(age / AGE_STEP) * AGE_STEP } : {}),
    last_check_at: undefined,
  };
}

const AGE_STEP = 5;
