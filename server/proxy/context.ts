import type { Picker } from "../../core/balancing/picker.ts";
import type { RetryDesk } from "../../core/balancing/retry-desk.ts";
import type { ForwardContext } from "../../core/http/forward-request.ts";
import type { ResponseContext } from "../../core/http/forward-response.ts";
import type { HttpDate } from "../../core/http/http-date.ts";
import type { FromWorker } from "../../core/plane/messages.ts";
import type { Tier } from "../../core/plane/snapshot.ts";
import type { CounterName } from "../../core/table/figures/counter-names.ts";
import type { Tables } from "../../core/table/tables.ts";
import type { ResponseCache } from "./cache/cache.ts";
import type { ClientGate } from "./client/client-gate.ts";
import type { Compression } from "./compression/compression.ts";
import type { Exchange } from "./exchange/exchange.ts";
import type { UpstreamPool } from "./exchange/sides.ts";
import type { StickyCookies } from "./exchange/sticky-cookies.ts";
import type { CorsGuard } from "./guards/cors.ts";
import type { KeyGuard } from "./guards/keys.ts";
import type { SendBuffer } from "./net/send-buffer.ts";
import type { TimerWheel } from "./net/timer-wheel.ts";
import type { ProxyOptions } from "./options.ts";
import type { DecisionSampler } from "./thread/decision-sampler.ts";
import type { GeoLookup } from "./thread/geo-lookup.ts";
import type { WorkerLog } from "./thread/worker-log.ts";
import type { Tracer } from "./tracing/tracer.ts";
import type { Directory } from "./upstream/directory.ts";
import type { RequestQueue } from "./upstream/queue.ts";

export type Header = readonly [name: string, value: string];

/** Drops `readonly`: the contexts of the head writers are one object per worker, filled for each request. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Everything that the requests of one worker share. */
export interface Plane {
  readonly index: number;
  /** These and what is made of them are replaced when the configuration changes: see `settings.ts`. */
  options: ProxyOptions;
  tiers: readonly Tier[];
  tierNumbers: ReadonlyMap<string, number>;
  defaultTier: number;
  readonly viaName: string;
  readonly tables: Tables;
  picker: Picker;
  retryDesk: RetryDesk;
  readonly wheel: TimerWheel;
  readonly directory: Directory;
  /** Null when sessions have no cookie of ours. */
  readonly cookies: StickyCookies | null;
  readonly queue: RequestQueue;
  /** Null unless it is on. */
  readonly cache: ResponseCache | null;
  readonly log: WorkerLog;
  /** What people who watch the console are told of. */
  readonly decisions: DecisionSampler;
  readonly out: SendBuffer;
  /** Null when answers go on as they are. */
  readonly compression: Compression | null;
  /** Null when nobody traces. */
  readonly tracer: Tracer | null;
  readonly date: HttpDate;
  readonly forward: Mutable<ForwardContext>;
  readonly respond: Mutable<ResponseContext>;
  /** Connections to the control plane's unix socket. */
  readonly control: UpstreamPool;
  readonly controlSecret: string;
  readonly keys: KeyGuard;
  insecureNoAuth: boolean;
  cors: CorsGuard;
  readonly geo: GeoLookup;
  /** Sent with management answers; under TLS with HSTS. */
  securityHeaders: { readonly plain: readonly Header[]; readonly secure: readonly Header[] };
  /** The listener is closed and connections end with their response. */
  draining: boolean;
  /** Tells the control plane. */
  post(message: FromWorker): void;
  count(counter: CounterName, by?: number): void;
  /** Milliseconds of the clock by which everything ages; the same in every thread. */
  now(): number;
  /** Unique over all workers and restarts, short, and printable. */
  nextRequestId(): string;
}

/** What a listener serves. */
export interface Door {
  readonly secure: boolean;
  /** Management requests are recognised here. */
  readonly management: boolean;
  /** Other requests are proxied here. */
  readonly proxied: boolean;
  /** Subject of the certificate that the client has shown; "" without one. */
  readonly clientSubject: string;
}

/** What a client connection needs of its worker beyond the plane. */
export interface ClientHome {
  readonly plane: Plane;
  /** Which connections are taken. */
  readonly gate: ClientGate;
  take(): Exchange;
  giveBack(exchange: Exchange): void;
  /** Decides what becomes of a request whose head is complete. */
  dispatch(exchange: Exchange): void;
  opened(connection: OpenConnection): void;
  closed(connection: OpenConnection): void;
}

/** A client connection as its worker sees it. */
export interface OpenConnection {
  /** A request is running or an answer is still on its way. */
  readonly isBusy: boolean;
  /** Ends it for shutdown: at once if it is between requests, by force if told so. The number of requests cut. */
  shut(force: boolean): number;
}
