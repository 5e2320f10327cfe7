/** A data plane with a cache, and a backend that the test scripts per path. */
import type { CounterName } from "../../../../core/table/figures/counter-names.ts";
import type { RawMessage } from "../../../support/http-message.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { type Answer, type CallOptions, call } from "../../../support/raw-client.ts";
import type { Wire } from "../../../support/wire.ts";
import { Cell, type CellOptions } from "../cell.ts";

/** How one path is answered the next time, and from then on. */
export type Script = (request: RawMessage, wire: Wire) => Promise<unknown> | false;

/** Part of every key. */
export const HOST = "t";

export class CacheStand implements AsyncDisposable {
  readonly backend: RawBackend;
  readonly cell: Cell;
  readonly #scripts: Map<string, Script>;

  private constructor(parts: { backend: RawBackend; cell: Cell; scripts: Map<string, Script> }) {
    this.backend = parts.backend;
    this.cell = parts.cell;
    this.#scripts = parts.scripts;
  }

  static async start(
    config: Readonly<Record<string, unknown>> = {},
    options: CellOptions = {},
  ): Promise<CacheStand> {
    const scripts = new Map<string, Script>();
    const backend = await RawBackend.start({
      respond: (request, wire) =>
        (scripts.get(pathOf(request)) ?? ((_request, to) => answer(to, 404, "unknown")))(request, wire),
    });
    const cell = await Cell.start({
      ...options,
      config: { cache_enabled: true, breaker_enabled: false, retry_attempts: 0, ...config },
    });
    cell.add({ ports: [backend.port] });
    return new CacheStand({ backend, cell, scripts });
  }

  /** Scripts a path; a text is a 200 with that Cache-Control and a body that counts up. */
  on(path: string, script: Script | string, fields: Readonly<Record<string, string>> = {}): void {
    let served = 0;
    this.#scripts.set(
      path,
      typeof script === "string"
        ? (_request, wire) => answer(wire, 200, `${path} ${++served}`, { "Cache-Control": script, ...fields })
        : script,
    );
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call("GET", path, { headers });
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    return call({ port: this.cell.port }, method, path, {
      ...options,
      headers: { Host: HOST, ...options.headers },
    });
  }

  /** Requests that reached the backend for a path. */
  asked(path: string): RawMessage[] {
    return this.backend.requests.filter((request) => pathOf(request) === path);
  }

  count(counter: CounterName): number {
    return this.cell.tables.counters.sum(counter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cell[Symbol.asyncDispose]();
    await this.backend[Symbol.asyncDispose]();
  }
}

function pathOf({ startLine }: RawMessage): string {
  return startLine.split(" ")[1] ?? "";
}
