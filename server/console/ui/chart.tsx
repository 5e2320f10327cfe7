/** A chart over time, drawn by uPlot in the colours of the theme. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface ChartSeries {
  readonly label: string;
  /** A custom property, such as "--accent". */
  readonly color: string;
  readonly fill?: boolean;
  readonly values: readonly (number | null)[];
}

export interface ChartProps {
  /** What it shows, for those who cannot see it. */
  readonly label: string;
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  readonly height?: number;
}

export function Chart(props: ChartProps) {
  const { label, times, series, height = 190 } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = series.map((each) => each.label).join("|");

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const make = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(latest.current, element.clientWidth, height), dataOf(latest.current), element);
    };
    make();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    document.addEventListener("opsen-theme", make);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", make);
      document.removeEventListener("opsen-theme", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, height]);

  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [times, series]);

  return <div class="chart" ref={box} role="img" aria-label={`${label}. ${summary(props)}`} />;
}

/** What the newest points say, in words. */
function summary({ series, format }: ChartProps): string {
  return series
    .map(({ label, values }) => {
      const last = values.at(-1);
      return `${label}: ${last === null || last === undefined ? "unknown" : format(last)}`;
    })
    .join(", ");
}

function dataOf({ times, series }: ChartProps): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

function optionsOf({ series, format }: ChartProps, width: number, height: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const font = `11px ${color("--font")}`;
  const axis = {
    stroke: color("--faint"),
    font,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    padding: [10, 4, 0, 0],
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [
      { ...axis, space: 70, values: (_plot, splits) => splits.map((at) => timeLabel(at)) },
      { ...axis, size: 54, space: 36, values: (_plot, splits) => splits.map((value) => format(value)) },
    ],
    series: [
      { value: (_plot, at) => (at === null ? "–" : timeLabel(at)) },
      ...series.map((each) => ({
        label: each.label,
        stroke: color(each.color),
        width: 1.75,
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? "–" : format(value)),
        ...(each.fill === true ? { fill: `color-mix(in srgb, ${color(each.color)} 14%, transparent)` } : {}),
      })),
    ],
  };
}

function timeLabel(at: number): string {
  return new Date(at * 1000).toTimeString().slice(0, 8);
}
