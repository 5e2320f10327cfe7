/** What the management API answers, as far as the console shows it. Members may be missing where a server is older. */

export interface Backend {
  readonly id: string;
  readonly source?: string;
  readonly hostname?: string;
  readonly endpoints?: readonly { readonly url: string; readonly paths?: readonly string[] }[];
  readonly weight?: number;
  readonly max_connections?: number;
  readonly max_in_flight?: number;
  readonly backup?: boolean | string;
  readonly tags?: readonly string[];
  readonly location?: { readonly lat: number; readonly lon: number } | null;
  readonly status?: string;
  readonly routable?: boolean;
  readonly reason?: string | null;
  readonly latency_ms?: number | null;
  readonly in_flight?: number;
  readonly connections?: number;
  readonly leases?: number;
  readonly report_age_seconds?: number | null;
  readonly cpu_pct?: readonly number[] | null;
  readonly memory_pct?: number | null;
  readonly disk_pct?: number | null;
  readonly gpus?: readonly Gpu[] | null;
  readonly breakers?: readonly { readonly endpoint: string; readonly state: string }[];
  readonly requests_total?: number;
  readonly errors_total?: number;
  readonly bytes_in?: number;
  readonly bytes_out?: number;
  readonly last_request_at?: string | null;
}

export interface Gpu {
  readonly name: string;
  readonly usage_pct: number | null;
  readonly memory_pct: number | null;
  readonly temperature_c: number | null;
}

export interface Who {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly keyless: boolean;
  readonly version: string;
  readonly ends_at: string | null;
}

export interface Change {
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

export interface ConfigAnswer {
  readonly version: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly live: readonly string[];
  readonly overrides: Readonly<
    Record<string, { readonly by?: string; readonly at?: string; readonly persist?: boolean }>
  >;
  readonly source: string | null;
  readonly can_undo?: boolean;
}

export interface ConfigChange {
  readonly version: number;
  readonly changes: readonly Change[];
  readonly restart_required: readonly string[];
}

/** One key of the configuration, as `GET /console/schema` describes it. */
export interface KeyInfo {
  readonly key: string;
  readonly choices?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default: unknown;
  readonly help: string;
  readonly file_only: boolean;
}

export interface Lease {
  readonly lease_id: string;
  readonly client_id: string;
  readonly tier: string;
  readonly kind: string;
  readonly held_seconds: number;
  readonly expires_in_seconds: number | null;
}

export interface ExplainAnswer {
  readonly tier: string;
  readonly strategy?: string;
  readonly chosen: string | null;
  readonly backends: readonly Explained[];
}

export interface Explained {
  readonly client_id: string;
  readonly eligible: boolean;
  readonly reason: string | null;
  readonly score: number | null;
  readonly terms: Readonly<Record<string, number>>;
  readonly in_flight: number;
  readonly leases: number;
}

export interface AuditEntry {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly changes: readonly Change[];
  readonly persist?: boolean;
}
