import type { Pick } from "../../../core/balancing/pick.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import { errorCounter } from "../../../core/table/figures/counter-names.ts";
import type { TrafficEnd } from "../../../core/table/figures/traffic-table.ts";
import type { Plane } from "../context.ts";
import type { Place } from "../upstream/directory.ts";
import { decisionOf } from "./decision.ts";
import type { Exchange } from "./exchange.ts";

const CLIENT_LEFT = 499;
const STATUS_COUNTERS = [
  "responses_5xx",
  "responses_1xx",
  "responses_2xx",
  "responses_3xx",
  "responses_4xx",
  "responses_5xx",
] as const;

const WRITE_ALL = { suppressed: undefined } as const;

/** What is known of one request at its end: the source of its access line and its counters. */
export class Facts {
  management = false;
  /** Of the key that a management call has shown; empty without one. */
  keyName = "";
  /** The caller may manage any backend. */
  isAdmin = false;
  /** The caller of an open path might see backends as well. */
  isReader = false;
  status = 0;
  /** Code of an error that we answered, else empty. */
  code = "";
  /** Why, in our own words. */
  reason = "";
  truncated = false;
  clientId = "";
  attempts = 0;
  /** How long the request waited for room. */
  queuedMs = 0;
  /** Who asks, as guards and forwarded headers have it. */
  clientIp = "";
  forwardedFor = "";
  proto: "http" | "https" = "http";
  forwardedHost = "";
  forwarded = "";
  /** Empty when the client's own, from a trusted proxy, is passed on. */
  requestId = "";
  stickyId = "";
  /** The request's session is named by our cookie, or will be. */
  byCookie = false;
  /** What the cache did, in a word; empty where it had no part. */
  cache = "";
  /** No client waits for it: it is neither counted nor logged. */
  isBackground = false;
  place: Place | null = null;
  endpoint = 0;
  #startedMs = 0;
  #bytesIn = -1;
  #bytesOut = -1;
  readonly #end: TrafficEnd = { status: 0, durationMs: 0, queuedMs: 0, bytesIn: 0, bytesOut: 0, nowMs: 0 };

  begin(): void {
    this.management = false;
    this.keyName = "";
    this.isAdmin = false;
    this.isReader = false;
    this.status = 0;
    this.code = "";
    this.reason = "";
    this.truncated = false;
    this.clientId = "";
    this.attempts = 0;
    this.queuedMs = 0;
    this.requestId = "";
    this.stickyId = "";
    this.byCookie = false;
    this.cache = "";
    this.isBackground = false;
    this.place = null;
    this.#startedMs = performance.now();
    this.#bytesIn = -1;
    this.#bytesOut = -1;
  }

  /** A pick has chosen a backend. */
  chose(exchange: Exchange, place: Place, pick: Pick): void {
    const { plane, query } = exchange;
    this.place = place;
    this.endpoint = pick.endpoint;
    this.clientId = place.backend.clientId;
    this.attempts++;
    exchange.trace?.attemptBegins(pick, place);
    if (pick.stickyOutcome === "none") return;
    plane.count(pick.stickyOutcome === "kept" ? "sticky_kept" : "sticky_assigned");
    if (!pick.isStickyUseDue) return;
    plane.log.sticky({
      stickyId: this.stickyId,
      tier: query.tier,
      row: pick.row,
      generation: pick.generation,
      atMs: query.nowMs,
    });
  }

  attemptFailed(reason: string): void {
    this.reason = reason;
  }

  /** The cache answers in place of a backend that has failed: what the client gets is not that backend's success. */
  covered({ tables }: Plane): void {
    if (this.place === null || this.isBackground) return;
    const { row, generation } = this.place.backend;
    tables.traffic.retried(row, generation);
    this.place = null;
  }

  answered(status: number, code: string): void {
    this.status = status;
    this.code = code;
  }

  /** The client went away before the end. */
  left(responding: boolean): void {
    if (!responding) this.status = CLIENT_LEFT;
    this.code = "client_left";
    this.truncated = responding;
  }

  tunnelled(bytesIn: number, bytesOut: number): void {
    this.#bytesIn = bytesIn;
    this.#bytesOut = bytesOut;
  }

  /** Counts the request and writes its access line. */
  record(exchange: Exchange): void {
    const { plane, head, body } = exchange;
    if (this.isBackground) return;
    const bytesIn = this.#bytesIn < 0 ? body.received : this.#bytesIn;
    const { coding } = exchange.representation;
    const answered = coding === "" ? exchange.bytesOut : exchange.codedBytes;
    const bytesOut = this.#bytesOut < 0 ? answered : this.#bytesOut;
    plane.count("requests");
    plane.count(STATUS_COUNTERS[Math.floor(this.status / 100)] ?? "responses_5xx");
    if (this.management) plane.count("management_requests");
    if (bytesIn > 0) plane.count("bytes_in", bytesIn);
    if (bytesOut > 0) plane.count("bytes_out", bytesOut);
    this.#countError(plane);
    const endedMs = performance.now();
    const ms = endedMs - this.#startedMs;
    if (!this.management) this.#countTraffic(plane, ms, bytesIn, bytesOut);
    if (!this.management && plane.decisions.wants(endedMs)) plane.decisions.take(decisionOf(exchange, ms));
    if (!plane.log.accessEnabled) return;
    const thinning = this.#isRefusal ? plane.log.refusal(this.code) : WRITE_ALL;
    if (thinning === null) {
      plane.count("log_lines_thinned");
      return;
    }
    plane.log.write("info", `${head.method} ${loggedTarget(head.target)} ${this.status}`, "access", {
      id: this.idOf(head),
      client: this.clientIp,
      key: this.keyName === "" ? undefined : this.keyName,
      backend: this.clientId === "" ? undefined : this.clientId,
      trace: exchange.trace === null || exchange.trace.traceId === "" ? undefined : exchange.trace.traceId,
      tier: this.place === null ? undefined : plane.tiers[exchange.query.tier]?.name,
      ms: Math.round(ms * 10) / 10,
      in: bytesIn,
      out: bytesOut,
      coding: coding === "" ? undefined : coding,
      uncoded: coding === "" ? undefined : exchange.bytesOut,
      attempts: this.attempts > 1 ? this.attempts : undefined,
      cache: this.cache === "" ? undefined : this.cache,
      queued_ms: this.queuedMs > 0 ? Math.round(this.queuedMs) : undefined,
      code: this.code === "" ? undefined : this.code,
      reason: this.reason === "" ? undefined : this.reason,
      truncated: this.truncated ? true : undefined,
      suppressed: thinning.suppressed,
    });
  }

  /** What backends are told as X-Request-ID; undefined for what came no further than its head. */
  idOf(head: RequestHead): string | undefined {
    if (head.method === "-") return undefined;
    return this.requestId || (head.get("x-request-id") ?? undefined);
  }

  /** We have refused the request for what it was, before any backend had a part in it. */
  get #isRefusal(): boolean {
    return this.code !== "" && this.attempts === 0 && this.status >= 400 && this.status !== CLIENT_LEFT;
  }

  #countTraffic(plane: Plane, durationMs: number, bytesIn: number, bytesOut: number): void {
    const end = this.#end;
    end.status = this.status;
    end.durationMs = durationMs;
    end.queuedMs = this.queuedMs;
    end.bytesIn = bytesIn;
    end.bytesOut = bytesOut;
    end.nowMs = plane.now();
    const backend = this.place?.backend;
    plane.tables.traffic.ended(backend?.row ?? -1, backend?.generation ?? 0, end);
  }

  #countError(plane: Plane): void {
    const counter = errorCounter(this.code);
    if (counter !== null) plane.count(counter);
    if (this.code === "refused") plane.count("management_refused");
  }
}

/** Queries carry secrets more often than paths do; the log gets the path alone. */
function loggedTarget(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : `${target.slice(0, query)}?…`;
}
