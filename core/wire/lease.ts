/** `GET /leases`, `PUT /leases/{id}`, `DELETE /leases/{id}`: capacity that is held. */

/** `route` leases end by time, renewal or release; `request` leases end with their proxied request. */
export type LeaseKind = "route" | "request";

export interface LeaseAnswer {
  readonly lease_id: string;
  readonly client_id: string;
  readonly tier: string;
  readonly kind: LeaseKind;
  readonly held_seconds: number;
  readonly expires_in_seconds: number | null;
}

export interface LeaseListAnswer {
  readonly total: number;
  readonly leases: readonly LeaseAnswer[];
}
