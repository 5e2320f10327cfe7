/** A chart over time, drawn by uPlot in the colours of the theme. */
import { useEffect, useRef, useState } from "preact/hooks";
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
  /** The values are bytes. */
  readonly binary?: boolean;
  readonly height?: number;
}

/** Left and right padding of the box. */
const EDGES_PX = 14;

/** Steps of an axis of bytes: a power of two times 1, 2 or 4 of some unit. */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

export function Chart(props: ChartProps) {
  const { label, times, series, height = 190 } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [at, setAt] = useState<number | null>(null);
  const shape = series.map((each) => each.label).join("|");

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const make = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(
        {
          ...optionsOf(latest.current, element.clientWidth - EDGES_PX, height),
          hooks: { setCursor: [(own) => setAt(own.cursor.idx ?? null)] },
        },
        dataOf(latest.current),
        element,
      );
    };
    make();
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth - EDGES_PX, height }),
    );
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

  return (
    <>
      <div class="chart" ref={box} role="img" aria-label={`${label}. ${summary(props)}`} />
      <Legend {...props} at={at} />
    </>
  );
}

/** What is which, with the value under the pointer, or the newest. */
function Legend({ series, format, at }: ChartProps & { readonly at: number | null }) {
  return (
    <p class="chart-legend" aria-hidden="true">
      {series.map(({ label, color, values }) => {
        const value = at === null ? values.at(-1) : values[at];
        return (
          <span key={label}>
            <i style={{ background: `var(${color})` }} />
            {label} <b>{value === null || value === undefined ? "–" : format(value)}</b>
          </span>
        );
      })}
    </p>
  );
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

/** A colour of the theme as a canvas takes it: `light-dark()` is for style sheets alone. */
function paint(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function optionsOf(
  { series, format, binary = false }: ChartProps,
  width: number,
  height: number,
): uPlot.Options {
  const color = paint;
  const font = `11px ${getComputedStyle(document.documentElement).getPropertyValue("--font").trim()}`;
  const axis = {
    stroke: color("--faint"),
    font,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    padding: [10, 6, 0, 0],
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    legend: { show: false },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [
      { ...axis, size: 26, space: 70, values: (_plot, splits) => splits.map((at) => timeLabel(at)) },
      {
        ...axis,
        size: binary ? 72 : 50,
        space: 36,
        ...(binary ? { incrs: BINARY_STEPS } : {}),
        values: (_plot, splits) => splits.map((value) => format(value)),
      },
    ],
    series: [
      {},
      ...series.map((each) => ({
        label: each.label,
        stroke: color(each.color),
        width: 1.75,
        points: { show: false },
        ...(each.fill === true ? { fill: `color-mix(in srgb, ${color(each.color)} 14%, transparent)` } : {}),
      })),
    ],
  };
}

function timeLabel(at: number): string {
  return new Date(at * 1000).toTimeString().slice(0, 8);
}
