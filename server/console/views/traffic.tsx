/** How much comes, how fast it is answered, and what fails, over time and by backend. */
import { useMemo } from "preact/hooks";
import { useSignal } from "../store/signal.ts";
import { backends, figures, link, seriesOf, trailOf } from "../store/state.ts";
import { Chart, type ChartSeries } from "../ui/chart.tsx";
import { bytes, compact, millis } from "../ui/format.ts";
import { Empty, Panel, Status } from "../ui/parts.tsx";
import { Spark } from "../ui/spark.tsx";
import { nameOf, rateOf } from "./fleet/choose.ts";

const MAX_ROWS = 50;

export function TrafficView() {
  const all = useSignal(figures);
  const state = useSignal(link);
  const times = useMemo(() => all.map(({ at }) => at / 1000), [all]);
  const of = (name: Parameters<typeof seriesOf>[1]): number[] => seriesOf(all, name);
  const statuses: readonly ChartSeries[] = useMemo(
    () => [
      { label: "2xx", color: "--good", values: of("responses_2xx"), fill: true },
      { label: "3xx", color: "--info", values: of("responses_3xx") },
      { label: "4xx", color: "--warn", values: of("responses_4xx") },
      { label: "5xx", color: "--bad", values: of("responses_5xx") },
    ],
    [all],
  );
  const troubles: readonly ChartSeries[] = useMemo(
    () => [
      { label: "failed attempts", color: "--bad", values: of("errors"), fill: true },
      { label: "retries", color: "--warn", values: of("retries") },
    ],
    [all],
  );
  const load: readonly ChartSeries[] = useMemo(
    () => [
      { label: "in flight", color: "--accent", values: of("in_flight"), fill: true },
      { label: "waiting", color: "--warn", values: of("waiting") },
      { label: "client connections", color: "--info", values: of("connections") },
    ],
    [all],
  );
  const volume: readonly ChartSeries[] = useMemo(
    () => [
      { label: "to clients", color: "--accent", values: of("bytes_out"), fill: true },
      { label: "from clients", color: "--info", values: of("bytes_in") },
    ],
    [all],
  );
  const rate = (value: number): string => `${compact(value)}/s`;
  return (
    <>
      <div class="page-head">
        <h1>Traffic</h1>
        <span class="soft">the last {Math.max(1, Math.round(all.length / 60))} min, by the second</span>
      </div>
      {all.length < 2 ? (
        <Empty icon="traffic" title="Waiting for figures">
          <p>
            {state === "live"
              ? "The first points are there in a moment."
              : "Charts need the live connection; it is not there yet."}
          </p>
        </Empty>
      ) : (
        <div class="charts">
          <Panel title="Answers by status">
            <Chart label="Answers by status" times={times} series={statuses} format={rate} />
          </Panel>
          <Panel title="At the same time">
            <Chart label="Requests at the same time" times={times} series={load} format={compact} />
          </Panel>
          <Panel title="Trouble with backends">
            <Chart label="Trouble with backends" times={times} series={troubles} format={rate} />
          </Panel>
          <Panel title="Bytes">
            <Chart label="Bytes" times={times} series={volume} binary format={(value) => `${bytes(value)}/s`} />
          </Panel>
        </div>
      )}
      <ByBackend />
    </>
  );
}

function ByBackend() {
  const fleet = useSignal(backends) ?? [];
  if (fleet.length === 0) return null;
  const busiest = fleet
    .toSorted((a, b) => rateOf(b.id) - rateOf(a.id) || (b.in_flight ?? 0) - (a.in_flight ?? 0))
    .slice(0, MAX_ROWS);
  const counts = fleet.some(({ requests_total }) => requests_total !== undefined);
  return (
    <Panel title="By backend" aside={fleet.length > MAX_ROWS ? `the busiest ${MAX_ROWS} of ${fleet.length}` : ""}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keyboard */}
      <div class="scroll" tabIndex={0} role="region" aria-label="Traffic by backend">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Backend</th>
              <th scope="col">Status</th>
              {counts ? <th scope="col" class="num">Requests</th> : null}
              {counts ? <th scope="col" class="num">Errors</th> : null}
              <th scope="col" class="num">In flight</th>
              <th scope="col" class="num">Latency</th>
              <th scope="col">Last minute</th>
            </tr>
          </thead>
          <tbody>
            {busiest.map((backend) => (
              <tr key={backend.id}>
                <th scope="row">{nameOf(backend)}</th>
                <td>
                  <Status status={backend.status ?? "unknown"} />
                </td>
                {counts ? <td class="num">{compact(rateOf(backend.id))}/s</td> : null}
                {counts ? <td class="num">{compact(backend.errors_total ?? 0)}</td> : null}
                <td class="num">{compact(backend.in_flight ?? 0)}</td>
                <td class="num">{millis(backend.latency_ms)}</td>
                <td class="c-spark">
                  <Spark
                    values={(counts ? trailOf(backend.id)?.rate : trailOf(backend.id)?.inFlight) ?? []}
                    atLeast={2}
                    tone="accent"
                    label="Last minute"
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
