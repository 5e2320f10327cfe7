/** How much comes, how fast it is answered, and what fails, over time and by backend. */
import { useMemo } from "preact/hooks";
import type { LiveFigures, LiveSeries } from "../../../core/wire/console.ts";
import { useSignal } from "../store/signal.ts";
import { backends, figures, link, seriesOf, trailOf } from "../store/state.ts";
import type { Backend } from "../types.ts";
import { Chart, type ChartSeries } from "../ui/chart.tsx";
import { bytes, compact, millis } from "../ui/format.ts";
import { Empty, Panel, Scroll, Status } from "../ui/parts.tsx";
import { Spark } from "../ui/spark.tsx";
import { nameOf, rateOf } from "./fleet/choose.ts";

const MAX_ROWS = 50;

interface Plan {
  readonly title: string;
  readonly lines: readonly (readonly [series: LiveSeries, label: string, color: string])[];
  readonly format: (value: number) => string;
  readonly binary?: boolean;
}

/** What is drawn; the first line of each is filled. */
const PLANS: readonly Plan[] = [
  {
    title: "Answers by status",
    lines: [
      ["responses_2xx", "2xx", "--good"],
      ["responses_3xx", "3xx", "--info"],
      ["responses_4xx", "4xx", "--warn"],
      ["responses_5xx", "5xx", "--bad"],
    ],
    format: rate,
  },
  {
    title: "At the same time",
    lines: [
      ["in_flight", "in flight", "--accent"],
      ["waiting", "waiting", "--warn"],
      ["connections", "client connections", "--info"],
    ],
    format: compact,
  },
  {
    title: "Trouble with backends",
    lines: [
      ["errors", "failed attempts", "--bad"],
      ["retries", "retries", "--warn"],
    ],
    format: rate,
  },
  {
    title: "Bytes",
    lines: [
      ["bytes_out", "to clients", "--accent"],
      ["bytes_in", "from clients", "--info"],
    ],
    format: (value) => `${bytes(value)}/s`,
    binary: true,
  },
];

export function TrafficView() {
  const all = useSignal(figures);
  const isLive = useSignal(link) === "live";
  const times = useMemo(() => all.map(({ at }) => at / 1000), [all]);
  return (
    <>
      <div class="page-head">
        <h1>Traffic</h1>
        <span class="soft">the last {Math.max(1, Math.round(all.length / 60))} min, by the second</span>
      </div>
      {all.length < 2 ? (
        <Empty icon="traffic" title="Waiting for figures">
          <p>
            {isLive ? "The first points are there in a moment." : "There is no connection to the server yet."}
          </p>
        </Empty>
      ) : (
        <div class="charts">
          {PLANS.map((plan) => (
            <Planned key={plan.title} plan={plan} all={all} times={times} />
          ))}
        </div>
      )}
      <ByBackend />
    </>
  );
}

function Planned(props: {
  readonly plan: Plan;
  readonly all: readonly LiveFigures[];
  readonly times: readonly number[];
}) {
  const { plan, all, times } = props;
  const { title, lines, format, binary = false } = plan;
  const series = useMemo(
    () =>
      lines.map(
        ([name, label, color], index): ChartSeries => ({
          label,
          color,
          fill: index === 0,
          values: seriesOf(all, name),
        }),
      ),
    [all],
  );
  return (
    <Panel title={title}>
      <Chart label={title} times={times} series={series} format={format} binary={binary} />
    </Panel>
  );
}

function rate(value: number): string {
  return `${compact(value)}/s`;
}

function ByBackend() {
  const fleet = useSignal(backends) ?? [];
  if (fleet.length === 0) return null;
  const busiest = fleet
    .toSorted((a, b) => rateOf(b.id) - rateOf(a.id) || (b.in_flight ?? 0) - (a.in_flight ?? 0))
    .slice(0, MAX_ROWS);
  const counts = fleet.some(({ requests_total: total }) => total !== undefined);
  const heads = ["In flight", "Latency"];
  return (
    <Panel
      title="By backend"
      aside={fleet.length > MAX_ROWS ? `the busiest ${MAX_ROWS} of ${fleet.length}` : ""}
    >
      <Scroll label="Traffic by backend">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Backend</th>
              <th scope="col">Status</th>
              {[...(counts ? ["Requests", "Errors"] : []), ...heads].map((head) => (
                <th key={head} scope="col" class="num">
                  {head}
                </th>
              ))}
              <th scope="col">Last minute</th>
            </tr>
          </thead>
          <tbody>
            {busiest.map((backend) => (
              <Row key={backend.id} backend={backend} counts={counts} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function Row({ backend, counts }: { readonly backend: Backend; readonly counts: boolean }) {
  const trail = trailOf(backend.id);
  return (
    <tr>
      <th scope="row">{nameOf(backend)}</th>
      <td>
        <Status status={backend.status ?? "unknown"} />
      </td>
      {counts ? <td class="num">{rate(rateOf(backend.id))}</td> : null}
      {counts ? <td class="num">{compact(backend.errors_total ?? 0)}</td> : null}
      <td class="num">{compact(backend.in_flight ?? 0)}</td>
      <td class="num">{millis(backend.latency_ms)}</td>
      <td class="c-spark">
        <Spark
          values={(counts ? trail?.rate : trail?.inFlight) ?? []}
          atLeast={2}
          tone="accent"
          label="Last minute"
        />
      </td>
    </tr>
  );
}
