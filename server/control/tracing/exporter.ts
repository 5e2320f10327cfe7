import { messageOf } from "../../../core/log/message-of.ts";
import type { CounterName } from "../../../core/table/figures/counter-names.ts";
import { encodeExport } from "../../../core/tracing/span.ts";
import type { Logger } from "../logging/logger.ts";

export interface ExporterOptions {
  /** Where the collector is, without `/v1/traces`. */
  readonly endpoint: string;
  /** `Name: value`. */
  readonly headers: readonly string[];
  readonly timeoutMs: number;
  readonly serviceName: string;
  /** Of this process. */
  readonly instanceId: string;
  readonly version: string;
  readonly count: (counter: CounterName, by: number) => void;
  readonly log: Logger;
  /** First pause before a batch is sent again; doubled each time. Half a second unless given. */
  readonly pauseMs?: number;
}

interface Batch {
  readonly count: number;
  /** JSON objects, joined by commas. */
  readonly spans: string;
}

/** Most text that waits for the collector; about 12,000 spans. */
const MAX_QUEUED_CHARS = 8 * 1024 * 1024;
const MAX_TRIES = 4;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
const MAX_ANSWER_BYTES = 65_536;
/** The answers after which the same may be sent again (OTLP specification, "Retryable Response Codes"). */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** Trouble is told of no oftener. */
const TELL_MS = 60_000;

/** What became of a batch: taken, not taken for good, or not taken now. */
type Outcome = {
  readonly kind: "taken" | "refused" | "later";
  readonly reason: string;
  readonly waitMs: number;
};

/**
 * Sends spans to a collector over OTLP/HTTP in its JSON form, one request at a time. A collector that is slow or away
 * costs spans, which are counted, and nothing else.
 */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #url: string;
  readonly #headers: Headers;
  #queue: Batch[] = [];
  #queuedChars = 0;
  #isSending = false;
  #isStopped = false;
  #droppedUntold = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  #whenIdle: (() => void)[] = [];

  constructor(options: ExporterOptions) {
    this.#options = options;
    const base = options.endpoint.replace(/\/+$/, "");
    this.#url = base.endsWith("/v1/traces") ? base : `${base}/v1/traces`;
    this.#headers = new Headers({ "Content-Type": "application/json" });
    for (const line of options.headers) {
      const colon = line.indexOf(":");
      this.#headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
  }

  /** Takes the spans of a worker. */
  add(batch: Batch): void {
    if (this.#isStopped || this.#queuedChars + batch.spans.length > MAX_QUEUED_CHARS) {
      this.#drop(batch.count, "the collector does not keep up");
      return;
    }
    this.#queue.push(batch);
    this.#queuedChars += batch.spans.length;
    if (!this.#isSending) void this.#send();
  }

  /** Resolves when everything is sent or given up, or the time is over; takes nothing any more. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopped = true;
    if (!this.#isSending) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#whenIdle.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      }),
    ]);
    clearTimeout(timer);
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const outcome = await this.#deliver(batch);
      if (outcome.kind !== "taken") this.#drop(batch.count, outcome.reason);
      this.#queue.shift();
      this.#queuedChars -= batch.spans.length;
    }
    this.#isSending = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Sends a batch, again while the collector asks for time. */
  async #deliver(batch: Batch): Promise<Outcome> {
    let pauseMs = this.#options.pauseMs ?? FIRST_PAUSE_MS;
    for (let tries = 1; ; tries++) {
      const outcome = await this.#post(batch);
      if (outcome.kind !== "later" || tries >= MAX_TRIES || this.#isStopped) return outcome;
      await Bun.sleep(Math.min(MAX_PAUSE_MS, Math.max(outcome.waitMs, pauseMs)));
      pauseMs *= 2;
    }
  }

  async #post({ spans, count }: Batch): Promise<Outcome> {
    const { serviceName, instanceId, version, timeoutMs } = this.#options;
    const resource = {
      "service.name": serviceName,
      "service.version": version,
      "service.instance.id": instanceId,
    };
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body: encodeExport(spans, resource, version),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: "manual",
      });
      const answer = await boundedText(response);
      if (response.ok) {
        this.#countRejected(answer, count);
        return { kind: "taken", reason: "", waitMs: 0 };
      }
      const waitMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
      const kind = PASSING.has(response.status) ? "later" : "refused";
      return { kind, reason: `the collector answered ${response.status}`, waitMs: waitMs || 0 };
    } catch (error) {
      const reason = messageOf(error);
      return { kind: "later", reason: `the collector cannot be reached: ${reason}`, waitMs: 0 };
    }
  }

  /** A collector may take some spans and refuse others ("partial success"). */
  #countRejected(answer: string, sent: number): void {
    const match = /"rejectedSpans"\s*:\s*"?(\d{1,9})/.exec(answer);
    const rejected = Math.min(sent, Number(match?.[1] ?? 0));
    this.#options.count("spans_exported", sent - rejected);
    if (rejected > 0) this.#drop(rejected, "the collector has rejected them");
  }

  #drop(spans: number, reason: string): void {
    this.#options.count("spans_dropped", spans);
    this.#droppedUntold += spans;
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < TELL_MS) return;
    this.#toldMs = nowMs;
    this.#options.log.warn("spans were dropped", { dropped: this.#droppedUntold, reason });
    this.#droppedUntold = 0;
  }
}

/** The beginning of an answer, which is all that is of interest. */
async function boundedText(response: Response): Promise<string> {
  const pieces: AsyncIterable<unknown> | null = response.body;
  if (pieces === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) text += decoder.decode(piece, { stream: true });
    if (text.length >= MAX_ANSWER_BYTES) break;
  }
  return text;
}
