/** Taking backends out of service without hurting anybody. */
import type { Tables } from "../../../core/table/tables.ts";
import type { BackendRecord } from "./backend-record.ts";

const LOOK_EVERY_MS = 50;

/** What a backend still has to do. */
export interface Busyness {
  readonly inFlight: number;
  readonly leases: number;
  readonly isIdle: boolean;
}

/** Tells how busy a backend is, as soon as it is idle or when the time is over. */
export async function untilIdle(record: BackendRecord, tables: Tables, withinMs: number): Promise<Busyness> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const busyness = busynessOf(record, tables);
    const leftMs = deadlineMs - performance.now();
    if (busyness.isIdle || leftMs <= 0) return busyness;
    await new Promise<void>((resolve) => setTimeout(resolve, Math.min(LOOK_EVERY_MS, leftMs)));
  }
}

/** A backend that is gone meanwhile has nothing to do. */
function busynessOf({ row, generation }: BackendRecord, { backends }: Tables): Busyness {
  if (backends.generation(row) !== generation) return { inFlight: 0, leases: 0, isIdle: true };
  const inFlight = backends.inFlight(row);
  const leases = backends.leaseCount(row);
  return { inFlight, leases, isIdle: inFlight === 0 && leases === 0 };
}
