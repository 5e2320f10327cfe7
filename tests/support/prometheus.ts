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

function take(family: Open, line: string): void {
  const sample = SAMPLE.exec(line);
  expect({ line, fits: sample !== null }).toEqual({ line, fits: true });
  const [, name = "", labels = "", value = ""] = sample ?? [];
  const own = family.type === "histogram" ? name.replace(/_(?:bucket|sum|count)$/, "") : name;
  expect({ line, of: own }).toEqual({ line, of: family.name });
  const series = `${name}${labels}`;
  expect({ series, isNew: !family.samples.has(series) }).toEqual({ series, isNew: true });
  if (family.type === "counter") expect(Number(value)).toBeGreaterThanOrEqual(0);
  family.samples.set(series, Number(value.replace("+Inf", "Infinity")));
}

/** Counts grow with their bounds, and the last is that of all. */
function checkHistogram({ name, samples }: Open): void {
  const last = new Map<string, number>();
  for (const [series, value] of samples) {
    const [, labels = "", bound = ""] = /_bucket\{(.*?),?le="([^"]+)"/.exec(series) ?? [];
    if (bound === "") continue;
    expect(value).toBeGreaterThanOrEqual(last.get(labels) ?? 0);
    last.set(labels, value);
    if (bound !== "+Inf") continue;
    const own = labels === "" ? "" : `{${labels}`;
    const count = [...samples].find(([each]) => each.startsWith(`${name}_count${own}`));
    expect({ series, count: count?.[1] }).toEqual({ series, count: value });
  }
}
