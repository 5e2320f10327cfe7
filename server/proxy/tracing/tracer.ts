import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { FromWorker } from "../../../core/plane/messages.ts";
import type { CounterName } from "../../../core/table/figures/counter-names.ts";
import { encodeSpan, type Span } from "../../../core/tracing/span.ts";

type TracingKeys = Pick<ServerConfig, "trace_context" | "otlp_endpoint" | "trace_sample_percent">;

const FLUSH_AFTER_MS = 500;
/** About 400 spans. */
const BATCH_CHARS = 262_144;
/** Spans beyond this between two flushes are a flood: they are dropped and counted. */
const MAX_BATCH_CHARS = 2_097_152;
const RANDOM_BYTES = 4096;

/** The tracing of one worker: makes ids, gathers finished spans and hands them to the control plane in batches. */
export class Tracer {
  /** Share of the traces that begin here; 0 when no spans are recorded at all. */
  readonly samplePercent: number;
  /** There is a collector. */
  readonly records: boolean;
  readonly #post: (message: FromWorker) => void;
  readonly #count: (counter: CounterName, by?: number) => void;
  readonly #random = Buffer.alloc(RANDOM_BYTES);
  #randomAt = RANDOM_BYTES;
  #spans = "";
  #spanCount = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Null when it is off. */
  static of(
    config: TracingKeys,
    post: (message: FromWorker) => void,
    count: (counter: CounterName, by?: number) => void,
  ): Tracer | null {
    return config.trace_context || config.otlp_endpoint !== "" ? new Tracer(config, post, count) : null;
  }

  private constructor(
    config: TracingKeys,
    post: (message: FromWorker) => void,
    count: (counter: CounterName, by?: number) => void,
  ) {
    this.records = config.otlp_endpoint !== "";
    this.samplePercent = this.records ? config.trace_sample_percent : 0;
    this.#post = post;
    this.#count = count;
  }

  newTraceId(): string {
    return this.#hex(16);
  }

  newSpanId(): string {
    return this.#hex(8);
  }

  record(span: Span): void {
    if (this.#spans.length > MAX_BATCH_CHARS) {
      this.#count("spans_dropped");
      return;
    }
    const encoded = encodeSpan(span);
    this.#spans = this.#spans === "" ? encoded : `${this.#spans},${encoded}`;
    this.#spanCount++;
    if (this.#timer === null) this.#timer = setTimeout(() => this.flush(), FLUSH_AFTER_MS);
    else if (this.#spans.length > BATCH_CHARS) this.flush();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#spanCount === 0) return;
    this.#post({ type: "spans", count: this.#spanCount, spans: this.#spans });
    this.#spans = "";
    this.#spanCount = 0;
  }

  /** So many random bytes in hexadecimal; all zero, which is no id, has a chance of 2^-64. */
  #hex(bytes: number): string {
    if (this.#randomAt + bytes > RANDOM_BYTES) {
      crypto.getRandomValues(this.#random);
      this.#randomAt = 0;
    }
    const start = this.#randomAt;
    this.#randomAt += bytes;
    return this.#random.toString("hex", start, this.#randomAt);
  }
}
