/** One metric of the catalogue, and what it is taken from. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import type { TrafficReading } from "../../../core/table/figures/traffic-reading.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { BackendState } from "../registry/backend-state.ts";
import type { LatestChange } from "../settings/settings.ts";
import type { Exposition, MetricHead } from "./exposition.ts";
import type { ProcessFigures } from "./process-figures.ts";

/** What is known of the server as a whole at one moment. */
export interface ServerSource {
  readonly config: ServerConfig;
  readonly tables: Tables;
  readonly tiers: readonly Tier[];
  readonly version: string;
  readonly workers: number;
  readonly configVersion: number;
  readonly latestChange: LatestChange | null;
  /** Of the clock by which everything ages. */
  readonly nowMs: number;
  /** What of it people are told. */
  readonly wallOf: (ms: number) => number;
  readonly total: TrafficReading;
  /** What no backend had a part in. */
  readonly unserved: TrafficReading;
  readonly backends: number;
  readonly activeBackends: number;
  readonly isDegraded: boolean;
  readonly process: ProcessFigures;
  /** Cores of all backends are few enough to be shown one by one. */
  readonly showsCores: boolean;
}

/** What is known of one backend at one moment. */
export interface BackendSource {
  readonly server: ServerSource;
  readonly state: BackendState;
  readonly traffic: TrafficReading;
  /** `backend="..."`, which each of its series has. */
  readonly labels: string;
}

export interface Metric extends MetricHead {
  /** Names of the labels, beside those that every series has. */
  readonly labels: readonly string[];
  /** Writes the series that belong to no backend. */
  readonly server?: (source: ServerSource, out: Exposition) => void;
  /** Writes those of one backend. */
  readonly backend?: (source: BackendSource, out: Exposition) => void;
}

/** A number of the whole server. */
export function serverMetric(head: MetricHead, read: (source: ServerSource) => number): Metric {
  return { ...head, labels: [], server: (source, out) => out.sample(read(source)) };
}

/** A number of each backend; null where it has none. */
export function backendMetric(head: MetricHead, read: (source: BackendSource) => number | null): Metric {
  return {
    ...head,
    labels: ["backend"],
    backend: (source, out) => {
      const value = read(source);
      if (value !== null) out.sample(value, source.labels);
    },
  };
}

export function counter(name: string, help: string): MetricHead {
  return { name: `${name}_total`, help, type: "counter" };
}

export function gauge(name: string, help: string): MetricHead {
  return { name, help, type: "gauge" };
}
