/** The filters, in the order in which they are applied; a row is removed by the first that it fails. */
export const FILTER_NAMES = [
  "disabled",
  "draining",
  "weight",
  "stale",
  "unhealthy",
  "ejected",
  "path",
  "migration",
  "excluded",
  "limit",
  "cpu",
  "memory",
  "disk",
  "gpu",
  "backup",
] as const;

export type FilterName = (typeof FILTER_NAMES)[number];

/** Positions in {@link FILTER_NAMES}. */
export const DISABLED_FILTER = 0;
export const DRAINING_FILTER = 1;
export const WEIGHT_FILTER = 2;
export const STALE_FILTER = 3;
export const UNHEALTHY_FILTER = 4;
export const EJECTED_FILTER = 5;
export const PATH_FILTER = 6;
export const MIGRATION_FILTER = 7;
export const EXCLUDED_FILTER = 8;
export const LIMIT_FILTER = 9;
export const CPU_FILTER = 10;
export const MEMORY_FILTER = 11;
export const DISK_FILTER = 12;
export const GPU_FILTER = 13;
/** The last one: a backup waits until those that it stands in for fail one of the others. */
export const BACKUP_FILTER = 14;
/** From here on the filters are about room: a backend that fails them would do, if it had more. */
export const FIRST_CAPACITY_FILTER: number = LIMIT_FILTER;

/** How many rows each filter removed, of how many. */
export type FilterCounts = Readonly<Record<FilterName, number>> & {
  readonly total: number;
  /** The lease table has no slot left, whatever room the backends have. */
  readonly leaseTableFull: boolean;
};

/** Figures behind a verdict; free amounts are after leases. */
export interface VerdictFigures {
  /** Milliseconds since the last report; Infinity without one. */
  readonly reportAgeMs: number;
  readonly freeCores: number;
  readonly reportedFreeCores: number;
  readonly memoryFreeBytes: number;
  readonly diskFreeBytes: number;
  /** GPUs that qualify for the tier and that no lease names. */
  readonly freeGpus: number;
  readonly inFlight: number;
  /** Most requests in flight; 0 = no limit. */
  readonly maxInFlight: number;
  /** How much longer the endpoint that serves the path is left alone; 0 = it is not, or is being tried. */
  readonly ejectedForMs: number;
  readonly leases: number;
  /** Share of the requests that a migration gives to its new group, 0 to 1. */
  readonly newGroupShare: number;
}

/** What the filters say of one row. */
export interface Verdict {
  /** The filter that removes it; null when it is eligible. */
  readonly filter: FilterName | null;
  /** The filter's reason with its figures, for people; null when it is eligible. */
  readonly reason: string | null;
  readonly figures: VerdictFigures;
}
