/** What the management API is made of, and the shape of one operation. */

import type { TSchema } from "@sinclair/typebox";
import type { Picker } from "../../../core/balancing/picker.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import type { Place } from "../../../core/scoring/index.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { Logger } from "../logging/logger.ts";
import type { Monitor } from "../metrics/monitor.ts";
import type { Migrations } from "../migration/migrations.ts";
import type { Caller } from "../registry/ownership.ts";
import type { BackendRegistry } from "../registry/registry.ts";
import type { Audit } from "../settings/audit.ts";
import type { Settings } from "../settings/settings.ts";
import type { Caches } from "./cache.ts";

export interface ApiDeps {
  /** These four may be others at any time: they are read when they are needed. */
  readonly config: ServerConfig;
  readonly tiers: readonly Tier[];
  readonly defaultTier: number;
  readonly picker: Picker;
  readonly migrations: Migrations;
  readonly tables: Tables;
  readonly caches: Caches;
  readonly registry: BackendRegistry;
  readonly settings: Settings;
  readonly audit: Audit;
  /** Path of the configuration file; null without one. */
  readonly source: string | null;
  /** What workers send as `X-Opsen-Secret` with the requests that passed their guards. */
  readonly secret: string;
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
  /** What of it people are told. */
  readonly wallOf: (ms: number) => number;
  readonly version: string;
  readonly log: Logger;
  /** Absent when metrics are off. */
  readonly monitor?: Monitor;
  /** Where an IP address is; absent without a GeoIP database. */
  readonly locate?: (ip: string) => Place | null;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What an operation is asked. */
export interface Call {
  readonly request: Request;
  /** Named parts of the path, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  /** Address of the client, as the worker saw it. */
  readonly peer: string;
  readonly caller: Caller;
  /** Name of the key that the caller has shown, for the audit log. */
  readonly actor: string;
  /** May see backends, on a path that is open to everybody. */
  readonly isReader: boolean;
}

/** One endpoint: how it is routed, documented and answered. */
export interface Operation {
  readonly methods: readonly Method[] | "any";
  /** Named parts as `:name`. */
  readonly path: string;
  readonly tag: "agents" | "routing" | "backends" | "migrations" | "settings" | "status";
  readonly summary: string;
  /** Schema of the JSON body. */
  readonly body?: TSchema;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Meaning by status; errors are problems, the others JSON. */
  readonly answers: Readonly<Record<number, string>>;
  /** Absent for what the data plane answers before it could arrive here. */
  readonly handle?: (call: Call) => Response | Promise<Response>;
}
