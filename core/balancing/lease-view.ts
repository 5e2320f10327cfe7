import type { LeaseKind } from "../wire/lease.ts";

/** A lease as `GET /leases` and its siblings tell of it. */
export interface LeaseView {
  readonly leaseId: string;
  readonly row: number;
  readonly tier: number;
  readonly kind: LeaseKind;
  readonly sinceMs: number;
  /** Null while only a request in flight holds it. */
  readonly expiresAtMs: number | null;
}
