/** A strict reader of metrics as text, and the word of promtool where it is installed. */
import { expect } from "bun:test";

export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  /** By the series as written. */
  readonly samples: ReadonlyMap<string, number>;
}

export interface Metrics {
  readonly families: ReadonlyMap<string, MetricFamily>;
  readonly text: string;
  /** Value of a series as written; undefined when it is not there. */
  value(series: string): number | undefined;
}

interface Open {
  readonly name: string;
  type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABELS = String.raw`\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\}`;
const SAMPLE = new RegExp(`^(${NAME})(${LABELS})? ((?:[+-]Inf|NaN)|-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)$`);

/** Reads the text format; a line that it does not have, a family told twice or a wrong histogram fails. */
export function readMetrics(text: string): Metrics {
  expect(text.endsWith("\n")).toBe(true);
  const families = new Map<string, Open>();
  let open: Open | null = null;
  for (const line of text.trimEnd().split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (\S.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      expect({ name, isNew: !families.has(name) }).toEqual({ name, isNew: true });
      open = { name, type: "", help: rest, samples: new Map() };
      families.set(name, open);
    } else if (kind === "TYPE" && open !== null) {
      expect(name).toBe(open.name);
      expect(["counter", "gauge", "histogram"]).toContain(rest);
      open.type = rest;
    } else if (open !== null) take(open, line);
  }
  for (const family of families.values()) {
    expect({ name: family.name, isTold: family.samples.size > 0 }).toEqual({
      name: family.name,
      isTold: true,
    });
    if (family.type === "histogram") checkHistogram(family);
  }
  const all = new Map([...families.values()].flatMap(({ samples }) => [...samples]));
  return { families, text, value: (series) => all.get(series) };
}

/** What promtool has to say; null where it is not installed. */
export function promtool(args: readonly string[], input = ""): string | null {
  const tool = Bun.which("promtool");
  if (tool === null) return null;
  const { stdout, stderr } = Bun.spawnSync([tool, ...args], { stdin: Buffer.from(input) });
  return `${stdout.toString()}${stderr.toString()}`;
}

/** Called for every line of what may be many thousands: no matchers here. */
function take(family: Open, line: string): void {
  const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? [];
  const own = family.type === "histogram" ? name.replace(/_(?:bucket|sum|count)$/, "") : name;
  const series = `${name}${labels}`;
  if (name === "") throw new Error(`this is no sample: ${line}`);
  if (own !== family.name) throw new Error(`this belongs to no family but stands in ${family.name}: ${line}`);
  if (family.samples.has(series)) throw new Error(`told twice: ${line}`);
  if (family.type === "counter" && Number(value) < 0) throw new Error(`a counter below 0: ${line}`);
  family.samples.set(series, Number(value.replace("Inf", "Infinity")));
}

/** Counts grow with their bounds, and the last is that of all. */
function checkHistogram({ name, samples }: Open): void {
  const last = new Map<string, number>();
  for (const [series, value] of samples) {
    const [, before = "", bound = "", after = ""] = /_bucket\{(.*?),?le="([^"]+)"(.*)\}$/.exec(series) ?? [];
    if (bound === "") continue;
    const labels = `${before}${before === "" ? after.replace(/^,/, "") : after}`;
    if (value < (last.get(labels) ?? 0))
      throw new Error(`less than below a smaller bound: ${series} ${value}`);
    last.set(labels, value);
    const count = samples.get(`${name}_count${labels === "" ? "" : `{${labels}}`}`);
    if (bound === "+Inf" && count !== value) throw new Error(`${series} is ${value}, its count ${count}`);
  }
}
