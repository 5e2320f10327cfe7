import { loadServerConfig } from "../../../core/config/load.ts";
import type { MigrationOptions } from "../../../core/migration/options.ts";
import type { GroupWindow, Windows } from "../../../core/migration/window.ts";
import { DurationScale } from "../../../core/table/figures/duration-scale.ts";

const LOADED = loadServerConfig({ flags: {}, env: {}, readFile: () => "" });
if (!LOADED.ok) throw new Error("the defaults are invalid");
export const DEFAULTS: MigrationOptions = LOADED.config.migration_defaults;

const SCALE = new DurationScale([1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]);

/** A group whose requests lasted so long, of which some failed. */
export function group(durationsMs: Iterable<number>, errors = 0): GroupWindow {
  const cells = new Float64Array(SCALE.cells);
  let requests = 0;
  let durationMs = 0;
  for (const each of durationsMs) {
    const cell = SCALE.cellOf(each);
    cells[cell] = (cells[cell] ?? 0) + 1;
    requests++;
    durationMs += each;
  }
  return { requests, errors, durationMs, cells, boundsMs: SCALE.cellBoundsMs };
}

/** So many requests of the same duration. */
export function steady(requests: number, errors = 0, ms = 20): GroupWindow {
  return group(
    Array.from({ length: requests }, () => ms),
    errors,
  );
}

export function windowsOf(from: GroupWindow, to: GroupWindow, fallbacks = 0): Windows {
  return { from, to, fallbacks };
}
