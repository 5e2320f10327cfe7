/** Puts the parts of monitoring together: what is told now, what was, and to whom. */
import type { ApiKey } from "../../../core/plane/api-key.ts";
import type { Tables } from "../../../core/table/tables.ts";
import { History } from "./history.ts";
import type { HistoryRow } from "./history-level.ts";
import { serveMetrics } from "./metrics-port.ts";
import { MonitorGuard } from "./monitor-guard.ts";
import { type ScrapeDeps, Scraper } from "./scrape.ts";

const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** What the management API is given of it. */
export interface Monitor {
  readonly history: History;
  /** The answer to a request for metrics, in the format that it asks for. */
  scrape(accept: string | null): Promise<Response>;
}

export interface MonitorOptions extends ScrapeDeps {
  readonly keys: readonly ApiKey[];
  /** Lets the parts stop in reverse order. */
  readonly cleanup: DisposableStack;
}

/** A monitor with its port, whose keys can change. */
export interface RunningMonitor extends Monitor {
  setKeys(keys: readonly ApiKey[]): void;
}

/** Starts to watch and, if a port is set, to serve; null when metrics are off. Throws a StartError. */
export function startMonitor(options: MonitorOptions): RunningMonitor | null {
  const { config, tables, now, cleanup } = options;
  if (!config.metrics_enabled) return null;
  const scraper = new Scraper(options);
  const history = new History({ config, tables, now, rows: () => claimedRows(tables.backends) });
  cleanup.defer(() => history.stop());
  const guard = new MonitorGuard(
    { tables, insecureNoAuth: () => options.config.insecure_no_auth, now },
    options.keys,
  );
  const scrape = (accept: string | null): Promise<Response> => answer(scraper, accept);
  if (config.metrics_port !== 0) {
    const stop = serveMetrics({ config, guard, answer: (request) => scrape(request.headers.get("accept")) });
    cleanup.defer(stop);
  }
  return { history, scrape, setKeys: (keys) => guard.setKeys(keys) };
}

function claimedRows(backends: Tables["backends"]): HistoryRow[] {
  const rows: HistoryRow[] = [];
  for (let row = 0; row < backends.limit; row++) {
    if (backends.isClaimed(row)) rows.push({ row, generation: backends.generation(row) });
  }
  return rows;
}

async function answer(scraper: Scraper, accept: string | null): Promise<Response> {
  const isOpen = accept?.includes("application/openmetrics-text") === true;
  const headers = { "Content-Type": isOpen ? OPEN_METRICS : PROMETHEUS, "Cache-Control": "no-store" };
  return new Response(await scraper.text(isOpen), { headers });
}
