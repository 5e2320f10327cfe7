/** What monitors ask of management. */
import { json, problem } from "../api/answers.ts";
import type { ApiDeps, Call, Operation } from "../api/deps.ts";
import type { Monitor } from "./monitor.ts";

const DEFAULT_WINDOW_SECONDS = 300;

export function metricsOperations(deps: ApiDeps): Operation[] {
  const { monitor } = deps;
  if (monitor === undefined) return [];
  return [
    {
      methods: ["GET"],
      path: deps.config.metrics_path,
      tag: "status",
      summary: "Counters, gauges and histograms in the text format of Prometheus, or as OpenMetrics.",
      answers: { 200: "All of them; see docs/monitoring.md." },
      handle: ({ request }) => monitor.scrape(request.headers.get("accept")),
    },
    {
      methods: ["GET"],
      path: "/metrics/history",
      tag: "status",
      summary: "Rates, errors and durations of the past, of all requests or of one backend.",
      query: {
        window: `Seconds back from now; ${DEFAULT_WINDOW_SECONDS} without it. Up to 900 by the second, beyond more coarsely.`,
        backend: "Id of a backend; without it all requests count.",
      },
      answers: {
        200: "`step_seconds`, `end` and one list for each figure, the oldest first; null where nothing is known.",
        400: "The window is no number of seconds.",
        404: "There is no such backend, or it has no history of its own.",
      },
      handle: (call) => history(deps, monitor, call),
    },
  ];
}

function history({ registry, now, wallOf }: ApiDeps, monitor: Monitor, { query }: Call): Response {
  const text = query.get("window") ?? String(DEFAULT_WINDOW_SECONDS);
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  const { reachSeconds } = monitor.history;
  if (seconds < 1 || seconds > reachSeconds) {
    return problem(400, `window must be a whole number of seconds from 1 to ${reachSeconds}, got ${text}.`);
  }
  const id = query.get("backend");
  const backend = id === null ? null : registry.get(id, now());
  if (id !== null && backend === null) return problem(404, `There is no backend ${JSON.stringify(id)}.`);
  const answer = monitor.history.window(seconds, backend);
  if (answer === null) {
    return problem(404, `No history is kept of ${JSON.stringify(id)} yet; see metrics_history_backends.`);
  }
  return json({
    backend: id,
    step_seconds: answer.stepSeconds,
    end: new Date(wallOf(answer.endMs)).toISOString(),
    ...answer.window,
  });
}
