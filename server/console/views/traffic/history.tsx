/** Rates, failures and durations of the past as the server keeps them, of all requests or of one backend. */
import { useMemo } from "preact/hooks";
import { useResource } from "../../store/resource.ts";
import { Chart, type ChartSeries } from "../../ui/chart.tsx";
import { compact, millis } from "../../ui/format.ts";
import { Empty, Loading, Panel } from "../../ui/parts.tsx";

const EVERY_MS = 3_000;
const EVERY_MS_OF_LONG = 15_000;
const LONG_SECONDS = 3_600;

type Values = readonly (number | null)[];

interface History {
  readonly step_seconds: number;
  readonly end: string;
  readonly rate?: Values;
  readonly error_rate?: Values;
  readonly p50_ms?: Values;
  readonly p90_ms?: Values;
  readonly p99_ms?: Values;
  readonly in_flight?: Values;
}

/** Charts of a window, in seconds; with `only` the one of durations alone. `backend`: "" for all. */
export function HistoryCharts(props: {
  readonly seconds: number;
  readonly backend: string;
  readonly only?: "durations";
}) {
  const { seconds, backend, only } = props;
  const of = backend === "" ? "" : `&backend=${encodeURIComponent(backend)}`;
  const everyMs = seconds >= LONG_SECONDS ? EVERY_MS_OF_LONG : EVERY_MS;
  const asked = useResource<History>(`/metrics/history?window=${seconds}${of}`, everyMs);
  const { error, missing } = asked;
  const value = useMemo(() => fromFirst(asked.value), [asked.value]);
  const times = useMemo(() => timesOf(value), [value]);
  if (value === null) {
    if (only !== undefined) return null;
    if (!missing) return <Loading error={error} />;
    return (
      <Empty icon="traffic" title="No history">
        <p>{error}</p>
      </Empty>
    );
  }
  const durations = (
    <Drawn
      title="Durations"
      times={times}
      format={millis}
      lines={linesOf(value, "durations")}
      key="durations"
    />
  );
  if (only !== undefined) return durations;
  return (
    <div class="charts">
      <Drawn title="Requests" times={times} format={rate} lines={linesOf(value, "rate")} />
      {durations}
      <Drawn title="Failed attempts" times={times} format={share} lines={linesOf(value, "errors")} />
      <Drawn title="At the same time" times={times} format={compact} lines={linesOf(value, "in_flight")} />
    </div>
  );
}

function Drawn(props: {
  readonly title: string;
  readonly times: readonly number[];
  readonly lines: readonly ChartSeries[];
  readonly format: (value: number) => string;
}) {
  const { title, times, lines, format } = props;
  return (
    <Panel title={title}>
      <Chart label={title} times={times} series={lines} format={format} />
    </Panel>
  );
}

function linesOf(
  history: History,
  what: "rate" | "durations" | "errors" | "in_flight",
): readonly ChartSeries[] {
  if (what === "rate") return [line("requests", "--accent", history.rate, true)];
  if (what === "errors") return [line("share", "--bad", history.error_rate, true)];
  if (what === "in_flight") return [line("in flight", "--accent", history.in_flight, true)];
  return [
    line("p50", "--accent", history.p50_ms, true),
    line("p90", "--warn", history.p90_ms),
    line("p99", "--bad", history.p99_ms),
  ];
}

function line(label: string, color: string, values: Values | undefined, fill = false): ChartSeries {
  return { label, color, fill, values: values ?? [] };
}

/** Leaves out the time before anything was known. */
function fromFirst(history: History | null): History | null {
  const first = history?.rate?.findIndex((each) => each !== null) ?? -1;
  if (history === null || first <= 0) return history;
  const from = Math.min(first, (history.rate?.length ?? 0) - 2);
  const cut = (values: Values | undefined): Values => values?.slice(from) ?? [];
  const { rate: requests, error_rate, p50_ms, p90_ms, p99_ms, in_flight } = history;
  return {
    ...history,
    rate: cut(requests),
    error_rate: cut(error_rate),
    p50_ms: cut(p50_ms),
    p90_ms: cut(p90_ms),
    p99_ms: cut(p99_ms),
    in_flight: cut(in_flight),
  };
}

/** Seconds since the epoch of every point. */
function timesOf(history: History | null): readonly number[] {
  if (history === null) return [];
  const end = new Date(history.end).getTime() / 1000;
  const points = history.rate?.length ?? 0;
  return Array.from({ length: points }, (_, index) => end - (points - 1 - index) * history.step_seconds);
}

function rate(value: number): string {
  return `${compact(value)}/s`;
}

function share(value: number): string {
  return `${compact(value * 100)}%`;
}
