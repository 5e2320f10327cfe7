/** Serves the metrics on a port of their own, over plain HTTP. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import { problem } from "../api/answers.ts";
import { StartError } from "../startup/start-error.ts";
import type { MonitorGuard } from "./monitor-guard.ts";

/** A scraper asks every few seconds: connections between are worth keeping. */
const IDLE_SECONDS = 120;

export interface MetricsPortOptions {
  readonly config: Pick<ServerConfig, "metrics_host" | "metrics_port" | "metrics_path">;
  readonly guard: MonitorGuard;
  readonly answer: (request: Request) => Promise<Response>;
}

/** Starts listening; throws a StartError when it cannot. The result stops it. */
export function serveMetrics({ config, guard, answer }: MetricsPortOptions): () => void {
  const { metrics_host: hostname, metrics_port: port, metrics_path: path } = config;
  try {
    const server = Bun.serve({
      hostname,
      port,
      // The default would answer errors with source code.
      development: false,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: 0,
      fetch: (request, self) => {
        const refusal = guard.check(request, self.requestIP(request)?.address ?? "");
        if (refusal !== null) return refusal;
        if (pathOf(request.url) !== path) return problem(404, `Metrics are at ${path}.`);
        if (request.method === "GET" || request.method === "HEAD") return answer(request);
        return problem(405, "Metrics are read by GET.", { headers: { Allow: "GET, HEAD" } });
      },
    });
    return () => void server.stop(true);
  } catch (error) {
    const why = messageOf(error);
    const advice = "stop what uses it or choose another (key `metrics_port`)";
    throw new StartError(`cannot listen on ${hostname}:${port}: ${why}; ${advice}`, { cause: error });
  }
}

/** Bun gives the bare path when the Host field was unusable. */
function pathOf(url: string): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  return start < 0 ? "/" : (url.slice(start).split("?", 1)[0] ?? "/");
}
