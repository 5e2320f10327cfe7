/** Messages between the control plane (main thread) and the data plane (workers). All are structured-cloneable. */
import type { ServerConfig } from "../config/schema/server-schema.ts";
import type { Decision } from "../wire/console.ts";
import type { ApiKey } from "./api-key.ts";
import type { CachePurge, CacheReport } from "./cache.ts";
import type { Backend, PathGroup, Tier } from "./snapshot.ts";

/** The SharedArrayBuffers of every table; each table class wraps its own. */
export interface SharedTables {
  readonly backends: SharedArrayBuffer;
  readonly leases: SharedArrayBuffer;
  readonly sticky: SharedArrayBuffer;
  readonly managementRate: SharedArrayBuffer;
  readonly proxyRate: SharedArrayBuffer;
  readonly authFailures: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly queue: SharedArrayBuffer;
  readonly clients: SharedArrayBuffer;
  readonly migration: SharedArrayBuffer;
  readonly traffic: SharedArrayBuffer;
  readonly loop: SharedArrayBuffer;
  readonly cacheVersions: SharedArrayBuffer;
  readonly cacheSizes: SharedArrayBuffer;
}

/** A certificate chain and its key, in PEM form. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What the TLS listener shows its clients. */
export interface CertificateSet {
  /** For who asks for no name, or for one that no other has. */
  readonly fallback: Certificate;
  /** In the order of the configuration, with the names in lower case that each holds. */
  readonly named: readonly (Certificate & { readonly names: readonly string[] })[];
  /** PEM texts that may sign the certificates of clients; "" when none are asked for. */
  readonly clientCa: string;
}

/** How TLS is spoken to backends: PEM texts in place of the file names of the configuration. */
export interface BackendTls {
  readonly rules: readonly BackendTlsRule[];
  /** Empty for the usual authorities. */
  readonly ca: string;
  readonly verify: boolean;
}

export interface BackendTlsRule {
  /** In lower case; "*.example.com" fits names with one label more. */
  readonly host: string;
  readonly verify: boolean;
  /** Empty for what counts in general. */
  readonly ca: string;
  /** Empty for the host. */
  readonly serverName: string;
}

/** First message to a worker; it listens only after it has applied this. */
export interface WorkerInit {
  readonly type: "init";
  readonly index: number;
  readonly workers: number;
  readonly config: ServerConfig;
  readonly tiers: readonly Tier[];
  readonly defaultTier: number;
  readonly tables: SharedTables;
  readonly backends: readonly Backend[];
  readonly pathGroups: readonly PathGroup[];
  /** Path of the unix socket on which the control plane serves the management API. */
  readonly controlSocket: string;
  /** Proves to the control plane that a relayed request passed the guards; differs at each start. */
  readonly controlSecret: string;
  /** Pseudonym of this process in `Via`, for loop detection (RFC 9110 section 7.6.3). */
  readonly viaName: string;
  /** What callers of management may show, by the configuration and the files that it names. */
  readonly keys: readonly ApiKey[];
  /** Signs the cookies of sessions; "" when there are none. */
  readonly stickyKey: string;
  /** Null when the port speaks plain HTTP. */
  readonly certificates: CertificateSet | null;
  /** By the order of `backend_tls`. */
  readonly backendTls: BackendTls;
  /** Content of the MaxMind database, shared by all threads; null without one. */
  readonly geoip: SharedArrayBuffer | null;
  readonly version: string;
  /** Connections of clients that all workers may have open at one time. */
  readonly maxClientConnections: number;
  /** Bound port of the public listener when another worker has bound it already, else the configured one. */
  readonly port: number;
  readonly adminPort: number;
}

/** Sets or, with null, forgets the backend of a row; answered by {@link WorkerAck} once every later request sees it. */
export interface WorkerBackend {
  readonly type: "backend";
  readonly seq: number;
  readonly row: number;
  readonly backend: Backend | null;
  /**
   * Groups that the worker may not know yet, set in its list from `index` on: appended, or in place of one that
   * no backend uses any more.
   */
  readonly newPathGroups: { readonly index: number; readonly groups: readonly PathGroup[] };
}

/** Close the listeners, let requests finish until the deadline, then cut what is left and answer `drained`. */
export interface WorkerDrain {
  readonly type: "drain";
  /** Milliseconds from receipt. */
  readonly withinMs: number;
}

/** The files have changed: handshakes from now on see these. */
export interface WorkerCertificates {
  readonly type: "certificates";
  readonly certificates: CertificateSet;
}

/** The files have changed: requests from now on are judged by these. */
export interface WorkerKeys {
  readonly type: "keys";
  readonly keys: readonly ApiKey[];
}

/** Somebody watches decisions, or, with 0, nobody does any more. */
export interface WorkerSample {
  readonly type: "sample";
  /** Most decisions to be told of in a second. */
  readonly perSecond: number;
}

/** The configuration has changed: requests from now on go by this one; answered by {@link WorkerAck}. */
export interface WorkerSettings {
  readonly type: "settings";
  readonly seq: number;
  readonly config: ServerConfig;
  readonly workers: number;
  readonly tiers: readonly Tier[];
  readonly defaultTier: number;
  readonly keys: readonly ApiKey[];
  readonly maxClientConnections: number;
}

/** The time by the control plane's clock, asked for by {@link WorkerTimeQuestion}. */
export interface WorkerTime {
  readonly type: "time";
  readonly nowMs: number;
}

/** Forget stored responses; answered by {@link WorkerCachePurged} once no later request sees them. */
export interface WorkerCachePurge {
  readonly type: "cache_purge";
  readonly seq: number;
  readonly purge: CachePurge;
}

/** What is stored? Answered by {@link WorkerCacheReport}. */
export interface WorkerCacheQuestion {
  readonly type: "cache_question";
  readonly seq: number;
  /** Entries in each list of the answer, at most. */
  readonly most: number;
}

export type ToWorker =
  | WorkerInit
  | WorkerBackend
  | WorkerDrain
  | WorkerCertificates
  | WorkerKeys
  | WorkerSample
  | WorkerSettings
  | WorkerCachePurge
  | WorkerCacheQuestion
  | WorkerTime;

export interface WorkerReady {
  readonly type: "ready";
  readonly port: number;
  readonly adminPort: number;
}

export interface WorkerAck {
  readonly type: "ack";
  readonly seq: number;
}

/** The listener could not be opened or the worker cannot go on. */
export interface WorkerFailed {
  readonly type: "failed";
  readonly reason: string;
}

/** Sticky assignments made since the last batch, to be persisted. */
export interface WorkerSticky {
  readonly type: "sticky";
  readonly assignments: readonly StickyAssignment[];
}

export interface StickyAssignment {
  readonly stickyId: string;
  readonly tier: number;
  readonly row: number;
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** Finished log lines, in order, each ending in a newline. The main thread alone writes to stdout. */
export interface WorkerLog {
  readonly type: "log";
  readonly lines: string;
}

/** Finished spans: JSON objects of OTLP, joined by commas. */
export interface WorkerSpans {
  readonly type: "spans";
  readonly count: number;
  readonly spans: string;
}

/** The circuit breaker of an endpoint has opened. */
export interface WorkerEjected {
  readonly type: "ejected";
  readonly row: number;
  readonly generation: number;
  readonly endpoint: number;
}

/** Some of the decisions that were made lately; see {@link WorkerSample}. */
export interface WorkerDecisions {
  readonly type: "decisions";
  readonly decisions: readonly Decision[];
}

/** What time is it? A worker asks before it serves, to age things as the control plane does. */
export interface WorkerTimeQuestion {
  readonly type: "time";
}

export interface WorkerDrained {
  readonly type: "drained";
  /** Requests and tunnels that were cut because the deadline came first. */
  readonly cut: number;
}

/** How many stored responses a {@link WorkerCachePurge} has removed. */
export interface WorkerCachePurged {
  readonly type: "cache_purged";
  readonly seq: number;
  readonly entries: number;
}

export interface WorkerCacheReport {
  readonly type: "cache_report";
  readonly seq: number;
  readonly report: CacheReport;
}

export type FromWorker =
  | WorkerReady
  | WorkerAck
  | WorkerFailed
  | WorkerSticky
  | WorkerLog
  | WorkerSpans
  | WorkerEjected
  | WorkerDecisions
  | WorkerTimeQuestion
  | WorkerCachePurged
  | WorkerCacheReport
  | WorkerDrained;
