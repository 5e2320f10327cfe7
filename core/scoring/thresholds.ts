import type { ServerConfig } from "../config/schema/server-schema.ts";

/** Below these uses, in percent, a core or a GPU counts as free. */
export interface Thresholds {
  readonly cpuPct: number;
  readonly gpuPct: number;
}

/** Gives the thresholds of a configuration. */
export function thresholdsOf(config: ServerConfig): Thresholds {
  return { cpuPct: config.cpu_available_threshold_pct, gpuPct: config.gpu_available_threshold_pct };
}
