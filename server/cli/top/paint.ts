/** Draws the picture of `top` as lines of text for a terminal of any size. Pure. */
import { countByStatus } from "../backend-view.ts";
import { cleanText } from "../view/clean.ts";
import { percent, short } from "../view/figures.ts";
import { fit } from "../view/table.ts";
import { bar } from "./bar.ts";
import { type Paint, paintOf } from "./color.ts";
import { clampScroll, type FigureKey, figureOf, type Order, type Row, type SortKey } from "./model.ts";

export interface Picture {
  readonly title: string;
  /** Rates of the whole server, in words. */
  readonly traffic: string;
  /** What went wrong with the last look; empty when nothing did. */
  readonly trouble: string;
  readonly rows: readonly Row[];
  readonly order: Order;
  /** Index of the first row that is shown. */
  readonly first: number;
  readonly isPaused: boolean;
  readonly intervalSeconds: number;
}

export interface Screen {
  readonly columns: number;
  /** Lines; null = as many as there are rows. */
  readonly lines: number | null;
  readonly isColored: boolean;
  readonly isAscii: boolean;
}

interface Gauge {
  readonly key: FigureKey;
  readonly head: string;
  readonly text: (value: number | null) => string;
  /** 100 for percentages; else the largest on the list is a full bar. */
  readonly full: 100 | null;
}

const GAUGES: readonly Gauge[] = [
  { key: "cpu", head: "CPU", text: percent, full: 100 },
  { key: "memory", head: "MEM", text: percent, full: 100 },
  { key: "gpu", head: "GPU", text: percent, full: 100 },
  { key: "in-flight", head: "FLIGHT", text: short, full: null },
  { key: "latency", head: "ms", text: short, full: null },
  { key: "rate", head: "REQ/s", text: short, full: null },
];

const TITLE_LINES = 4;
const FOOT_LINES = 1;
const STATUS_WIDTH = 9;
const FIGURE_WIDTH = 5;
const MIN_NAME_WIDTH = 10;
const MAX_NAME_WIDTH = 40;
const MAX_BAR_WIDTH = 16;
const KEYS = "q quit  ↑↓ scroll  < > sort  R turn  space hold  + -";

/** How many rows fit on a screen of so many lines. */
export function rowsThatFit(lines: number): number {
  return Math.max(1, lines - TITLE_LINES - FOOT_LINES);
}

/** Gives exactly `lines` lines, none wider than the screen. */
export function paint(picture: Picture, screen: Screen): string[] {
  const lines = painted(picture, screen);
  return screen.isAscii ? lines.map(asciiOnly) : lines;
}

function painted(picture: Picture, screen: Screen): string[] {
  const { rows, order } = picture;
  const { columns, lines } = screen;
  const visible = lines === null ? rows.length : rowsThatFit(lines);
  const first = clampScroll(picture.first, rows.length, visible);
  const shown = rows.slice(first, first + visible);
  const color = paintOf(screen.isColored);
  const widths = widthsFor(columns, rows);
  const full = new Map(
    GAUGES.map(({ key, full: whole }) => [
      key,
      whole ?? Math.max(1, ...rows.map((row) => figureOf(row, key) ?? 0)),
    ]),
  );
  const drawn = [
    color.strong(fit(cleanText(picture.title), columns)),
    fit(statusLine(rows), columns),
    picture.trouble === ""
      ? fit(picture.traffic, columns)
      : color.bad(fit(cleanText(picture.trouble), columns)),
    color.reverse(headLine(order, widths, columns)),
    ...shown.map((row) => rowLine(row, widths, full, screen, color)),
  ];
  if (lines === null) return drawn;
  const body = drawn.slice(0, Math.max(0, lines - FOOT_LINES));
  while (body.length < lines - FOOT_LINES) body.push("");
  return [...body, color.faint(fit(footLine(picture, first, shown.length), columns))].slice(0, lines);
}

const ASCII_OF: Readonly<Record<string, string>> = { "▼": "v", "▲": "^", "↑": "^", "↓": "v", "…": "~" };

function asciiOnly(line: string): string {
  return line.replaceAll(/[\u0080-\uffff]/g, (character) => ASCII_OF[character] ?? "?");
}

interface Widths {
  readonly name: number;
  readonly bar: number;
}

/** Names get what they need within their bounds; bars share the rest. */
function widthsFor(columns: number, rows: readonly Row[]): Widths {
  const longest = Math.max(MIN_NAME_WIDTH, ...rows.map(({ id }) => id.length));
  const fixed = 1 + STATUS_WIDTH + GAUGES.length * (1 + FIGURE_WIDTH);
  const name = Math.min(
    longest,
    MAX_NAME_WIDTH,
    Math.max(MIN_NAME_WIDTH, columns - fixed - GAUGES.length * 3),
  );
  const room = Math.floor((columns - fixed - name) / GAUGES.length);
  return { name, bar: Math.max(0, Math.min(MAX_BAR_WIDTH, room)) };
}

function statusLine(rows: readonly Row[]): string {
  const counts = countByStatus(rows).map(([name, count]) => `${count} ${cleanText(name)}`);
  const leases = rows.reduce((sum, { leases: held }) => sum + held, 0);
  const inFlight = rows.reduce((sum, row) => sum + row.inFlight, 0);
  const split = counts.length === 0 ? "" : `: ${counts.join(", ")}`;
  return `${rows.length} backends${split}; ${inFlight} in flight, ${leases} leases`;
}

function headLine({ key, isReversed }: Order, widths: Widths, columns: number): string {
  const mark = (own: SortKey, text: string): string =>
    own === key ? `${isReversed ? "▲" : "▼"}${text}` : text;
  const gaugeWidth = widths.bar + FIGURE_WIDTH;
  const cells = [
    mark("name", "BACKEND").padEnd(widths.name),
    mark("status", "STATUS").padEnd(STATUS_WIDTH),
    ...GAUGES.map((gauge) => mark(gauge.key, gauge.head).padStart(gaugeWidth).slice(-gaugeWidth)),
  ];
  return fit(cells.join(" "), columns).padEnd(columns);
}

function rowLine(
  row: Row,
  widths: Widths,
  full: ReadonlyMap<FigureKey, number>,
  { columns, isAscii }: Screen,
  color: Paint,
): string {
  const name = fit(cleanText(row.id), widths.name).padEnd(widths.name);
  const state = fit(cleanText(row.status), STATUS_WIDTH).padEnd(STATUS_WIDTH);
  const gauges = GAUGES.map(({ key, text, full: whole }) => {
    const value = figureOf(row, key);
    const share = value === null ? 0 : value / (full.get(key) ?? 100);
    const drawn = bar(share, widths.bar, isAscii);
    const figure = text(value).padStart(FIGURE_WIDTH).slice(-FIGURE_WIDTH);
    return (whole === 100 ? color.level(share, drawn) : color.plainBar(drawn)) + figure;
  });
  // A terminal too narrow for all of it gets what fits, without bars.
  const plainWidth = widths.name + 1 + STATUS_WIDTH + GAUGES.length * (1 + widths.bar + FIGURE_WIDTH);
  if (plainWidth > columns) return fit(`${name} ${state}`, columns);
  return `${name} ${color.status(row.status, row.routable, state)} ${gauges.join(" ")}`;
}

function footLine(picture: Picture, first: number, shown: number): string {
  const { rows, isPaused, intervalSeconds } = picture;
  const place = rows.length === 0 ? "no backends" : `${first + 1}-${first + shown} of ${rows.length}`;
  const pace = isPaused ? "held" : `every ${intervalSeconds} s`;
  return `${place}, ${pace}  ${KEYS}`;
}
