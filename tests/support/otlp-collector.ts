/** A collector of traces that keeps what it is sent, and answers as a test wants. */
import type { Server } from "bun";
import { array, type Json, record, string } from "./json.ts";

export interface CollectedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Json;
  /** Code and message of its status; null without one. */
  readonly status: Json | null;
}

export class OtlpCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly resources: Json[] = [];
  readonly requests: Request[] = [];
  readonly #server: Server<undefined>;

  /** `answer` may refuse a request, whose spans are then not kept. */
  constructor(answer: (count: number) => Response | Promise<Response> = () => Response.json({})) {
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      development: false,
      fetch: async (request) => {
        const body: unknown = await request.json();
        this.requests.push(request);
        const response = await answer(this.requests.length);
        if (response.ok) this.#keep(record(body));
        return response;
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  named(name: string, kind: number): CollectedSpan[] {
    return this.spans.filter((span) => span.name === name && span.kind === kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  #keep(body: Json): void {
    for (const each of array(body.resourceSpans)) {
      const { resource, scopeSpans } = record(each);
      this.resources.push(attributesOf(record(resource).attributes));
      for (const scope of array(scopeSpans)) {
        for (const span of array(record(scope).spans)) this.spans.push(spanOf(record(span)));
      }
    }
  }
}

function spanOf(span: Json): CollectedSpan {
  return {
    name: string(span.name),
    kind: Number(span.kind),
    traceId: string(span.traceId),
    spanId: string(span.spanId),
    parentSpanId: string(span.parentSpanId ?? ""),
    traceState: string(span.traceState ?? ""),
    startNs: BigInt(string(span.startTimeUnixNano)),
    endNs: BigInt(string(span.endTimeUnixNano)),
    attributes: attributesOf(span.attributes),
    status: span.status === undefined ? null : record(span.status),
  };
}

/** Attributes as an object; numbers of 64 bits, which JSON has as text, as numbers. */
function attributesOf(value: unknown): Json {
  return Object.fromEntries(
    array(value).map((each) => {
      const { key, value: held } = record(each);
      const [[type, content] = ["", null]] = Object.entries(record(held));
      return [string(key), type === "intValue" ? Number(content) : content];
    }),
  );
}
