/** What a report or a probe says about a backend, as its row of the backend table holds it. */

/** Most GPUs of one backend: a lease names its GPUs by the bits of one 32-bit word. */
export const MAX_GPUS = 32;

export interface RowFigures {
  /** When the report was made, milliseconds since the epoch. */
  readonly reportedAtMs: number;
  readonly freeCores: number;
  /** How much of the backend's CPU one of its cores is, in percent; absent where nobody knows. */
  readonly coreCost?: number;
  readonly memoryAvailBytes: number;
  readonly diskAvailBytes: number;
  /** Free VRAM by GPU index, at most {@link MAX_GPUS}; 0 where unknown. */
  readonly gpuVramFreeBytes: readonly number[];
  /** Weighted cpu, memory, gpu and latency terms of the score, by tier. */
  readonly baseScores: readonly number[];
  /** By tier: bit i is set when GPU i has the VRAM and is below the threshold. */
  readonly gpuMasks: readonly number[];
}

/** Identity of a row's owner: the row number alone can be reused. */
export interface ClaimedRow {
  readonly row: number;
  readonly generation: number;
}
