/** How much comes, how fast it is answered, and what fails, over time and by backend. */
import { useMemo, useState } from "preact/hooks";
import type { LiveFigures, LiveSeries } from "../../../core/wire/console.ts";
import { useSignal } from "../store/signal.ts";
import { backends, figures, link, seriesOf, trailOf } from "../store/state.ts";
import type { Backend } from "../types.ts";
import { Chart, type ChartSeries } from "../ui/chart.tsx";
import { bytes, compact, millis } from "../ui/format.ts";
import { Empty, Panel, Scroll, Segmented, Status } from "../ui/parts.tsx";
import { Spark } from "../ui/spark.tsx";
import { nameOf, rateOf } from "./fleet/choose.ts";
import { HistoryCharts } from "./traffic/history.tsx";

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

const WINDOWS = [
  { value: "live", label: "Live" },
  { value: "900", label: "15 min" },
  { value: "3600", label: "1 h" },
  { value: "86400", label: "24 h" },
] as const;

type WindowName = (typeof WINDOWS)[number]["value"];

/** What the live charts show. */
const LIVE_SECONDS = 600;

export function TrafficView() {
  const [span, setSpan] = useState<WindowName>("live");
  const [backend, setBackend] = useState("");
  return (
    <>
      <div class="page-head">
        <h1>Traffic</h1>
        <span class="spacer" />
        {span === "live" ? null : <Of backend={backend} onChange={setBackend} />}
        <Segmented label="How far back" value={span} options={WINDOWS} onChange={setSpan} />
      </div>
      {span === "live" ? <LiveCharts /> : <HistoryCharts seconds={Number(span)} backend={backend} />}
      <ByBackend />
    </>
  );
}

/** Whose requests are shown. */
function Of({
  backend,
  onChange,
}: {
  readonly backend: string;
  readonly onChange: (backend: string) => void;
}) {
  const fleet = useSignal(backends) ?? [];
  return (
    <label class="select">
      <span class="visually-hidden">Backend</span>
      <select value={backend} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">All backends</option>
        {fleet.map((each) => (
          <option key={each.id} value={each.id}>
            {nameOf(each)}
          </option>
        ))}
      </select>
    </label>
  );
}

function LiveCharts() {
  const all = useSignal(figures);
  const isLive = useSignal(link) === "live";
  const times = useMemo(() => all.map(({ at }) => at / 1000), [all]);
  if (all.length < 2) {
    return (
      <Empty icon="traffic" title="Waiting for figures">
        <p>
          {isLive ? "The first points are there in a moment." : "There is no connection to the server yet."}
        </p>
      </Empty>
    );
  }
  return (
    <div class="charts">
      {PLANS.slice(0, 1).map((plan) => (
        <Planned key={plan.title} plan={plan} all={all} times={times} />
      ))}
      <HistoryCharts seconds={LIVE_SECONDS} backend="" only="durations" />
      {PLANS.slice(1).map((plan) => (
        <Planned key={plan.title} plan={plan} all={all} times={times} />
      ))}
    </div>
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
