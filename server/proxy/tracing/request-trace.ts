import type { Pick, PickStatus } from "../../../core/balancing/pick.ts";
import type { TraceFields } from "../../../core/http/forward-request.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Span } from "../../../core/tracing/span.ts";
import {
  formatTraceParent,
  isSampled,
  parseTraceParent,
  validTraceState,
} from "../../../core/tracing/trace-context.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { Place } from "../upstream/directory.ts";
import { attemptAttributes, requestAttributes, requestError, spanName } from "./attributes.ts";
import type { Tracer } from "./tracer.ts";

interface OpenAttempt {
  readonly pick: Pick;
  readonly spanId: string;
  readonly startMs: number;
  readonly place: Place;
  readonly endpoint: number;
  /** How many came before it. */
  readonly resends: number;
  status: number;
  failure: string;
}

const NO_PARENT = "";

/** The trace of one exchange after the other: what backends are told of it, and its spans when it is recorded. */
export class RequestTrace implements TraceFields {
  traceparent = "";
  tracestate = "";
  /** "" = the request belongs to no trace. */
  traceId = "";
  readonly #exchange: Exchange;
  readonly #tracer: Tracer;
  #isRecorded = false;
  #spanId = "";
  #parentId = NO_PARENT;
  #startMs = 0;
  /** From the clock that never goes back to the time since the epoch. */
  #offsetMs = 0;
  #attempts: OpenAttempt[] = [];
  #attemptCount = 0;

  constructor(exchange: Exchange, tracer: Tracer) {
    this.#exchange = exchange;
    this.#tracer = tracer;
  }

  /** Forgets the last request. */
  reset(): void {
    this.traceparent = "";
    this.tracestate = "";
    this.traceId = "";
    this.#isRecorded = false;
    if (this.#attempts.length > 0) this.#attempts = [];
    this.#attemptCount = 0;
  }

  /** The head of the request is complete. */
  begin(head: RequestHead): void {
    const tracer = this.#tracer;
    const parent = parseTraceParent(head.join("traceparent"));
    this.traceId = parent?.traceId ?? tracer.newTraceId();
    this.tracestate = parent === null ? "" : validTraceState(head.join("tracestate"));
    this.#isRecorded =
      tracer.records && (parent === null ? isSampled(this.traceId, tracer.samplePercent) : parent.sampled);
    if (this.#isRecorded) {
      this.#spanId = tracer.newSpanId();
      this.#parentId = parent?.spanId ?? NO_PARENT;
      this.#startMs = performance.now();
      this.#offsetMs = Date.now() - this.#startMs;
      this.#name(this.#spanId);
      return;
    }
    // Who records nothing leaves the caller as the parent of what comes.
    const spanId = parent?.spanId ?? tracer.newSpanId();
    this.traceparent = formatTraceParent({
      traceId: this.traceId,
      spanId,
      sampled: parent?.sampled ?? false,
    });
  }

  /** A clock for spans; 0 when none are recorded. */
  get nowMs(): number {
    return this.#isRecorded ? performance.now() : 0;
  }

  /** A choice that began at `startMs` has come to something. */
  picked(startMs: number, status: PickStatus, place: Place | null): void {
    if (!this.#isRecorded) return;
    this.#record("pick", "internal", this.#tracer.newSpanId(), startMs, {
      attributes: { "opsen.pick": status, "opsen.backend.id": place?.backend.clientId },
      error: null,
    });
  }

  /** The request waited for room since `startMs`. */
  queued(startMs: number): void {
    if (!this.#isRecorded || startMs === 0) return;
    this.#record("queue", "internal", this.#tracer.newSpanId(), startMs, { attributes: {}, error: null });
  }

  attemptBegins(pick: Pick, place: Place): void {
    if (!this.#isRecorded) return;
    const spanId = this.#tracer.newSpanId();
    const resends = this.#attemptCount++;
    const { endpoint } = pick;
    const startMs = performance.now();
    this.#attempts.push({ pick, spanId, startMs, place, endpoint, resends, status: 0, failure: "" });
    this.#name(spanId);
  }

  /** The backend of that pick has begun to answer. */
  heard(pick: Pick, status: number): void {
    const attempt = this.#attemptOf(pick);
    if (attempt !== undefined) attempt.status = status;
  }

  attemptFailed(pick: Pick, failure: string): void {
    const attempt = this.#attemptOf(pick);
    if (attempt !== undefined) attempt.failure = failure;
  }

  attemptEnds(pick: Pick): void {
    const attempt = this.#attemptOf(pick);
    if (attempt === undefined) return;
    this.#attempts = this.#attempts.filter((each) => each !== attempt);
    const { head, facts } = this.#exchange;
    const { status, failure } = attempt;
    const error = failure === "" ? null : facts.reason || failure;
    this.#record(spanName(head), "client", attempt.spanId, attempt.startMs, {
      attributes: attemptAttributes(head, attempt),
      error: status >= 400 && error === null ? "" : error,
    });
  }

  /** The exchange is over. */
  end(): void {
    if (!this.#isRecorded) return;
    for (const { pick } of this.#attempts) this.attemptEnds(pick);
    this.#isRecorded = false;
    const exchange = this.#exchange;
    this.#tracer.record({
      ...this.#common(spanName(exchange.head), "server", this.#startMs),
      spanId: this.#spanId,
      parentSpanId: this.#parentId,
      attributes: requestAttributes(exchange),
      error: requestError(exchange),
    });
  }

  #attemptOf(pick: Pick): OpenAttempt | undefined {
    return this.#isRecorded ? this.#attempts.find((each) => each.pick === pick) : undefined;
  }

  /** Whoever is asked from now on is asked by that span. */
  #name(spanId: string): void {
    this.traceparent = formatTraceParent({ traceId: this.traceId, spanId, sampled: true });
  }

  #record(
    name: string,
    kind: Span["kind"],
    spanId: string,
    startMs: number,
    rest: { readonly attributes: Span["attributes"]; readonly error: string | null },
  ): void {
    this.#tracer.record({
      ...this.#common(name, kind, startMs),
      spanId,
      parentSpanId: this.#spanId,
      ...rest,
    });
  }

  #common(name: string, kind: Span["kind"], startMs: number) {
    return {
      traceId: this.traceId,
      traceState: this.tracestate,
      name,
      kind,
      startMs: startMs + this.#offsetMs,
      endMs: performance.now() + this.#offsetMs,
    };
  }
}
