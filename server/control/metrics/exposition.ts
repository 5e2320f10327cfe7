/** Writes metrics as text: the format of Prometheus, version 0.0.4, or OpenMetrics 1.0. */

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricHead {
  /** Without namespace; a counter's ends in `_total`. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** The name is one that every program has, and stands without namespace. */
  readonly isCommon?: true;
}

export interface ExpositionOptions {
  /** What precedes the names, such as `opsen_`. */
  readonly prefix: string;
  /** Labels that every series has. */
  readonly labels: Readonly<Record<string, string>>;
  readonly openMetrics: boolean;
}

/** Collects lines. Families must be complete one after the other. */
export class Exposition {
  readonly #prefix: string;
  readonly #constant: string;
  readonly #openMetrics: boolean;
  readonly #parts: string[] = [];
  #name = "";
  /** Head of a family that has no sample yet: without one nothing is written of it. */
  #head = "";

  constructor({ prefix, labels, openMetrics }: ExpositionOptions) {
    this.#prefix = prefix;
    this.#constant = labelText(labels);
    this.#openMetrics = openMetrics;
  }

  family({ name, type, help, isCommon }: MetricHead): void {
    this.#name = isCommon === true ? name : `${this.#prefix}${name}`;
    // OpenMetrics names the family of a counter without the suffix of its samples.
    const family = this.#openMetrics && type === "counter" ? this.#name.replace(/_total$/, "") : this.#name;
    this.#head = `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
  }

  /** One series; `labels` as made by {@link labelText}. */
  sample(value: number, labels = ""): void {
    this.#line(this.#name, value, labels);
  }

  /** The series of one histogram: `cumulative` has one count for each bound, and last that of all. */
  histogram(bounds: readonly number[], cumulative: readonly number[], sum: number, labels = ""): void {
    const lead = labels === "" ? "" : `${labels},`;
    const total = cumulative.at(-1) ?? 0;
    bounds.forEach((bound, index) => {
      this.#line(`${this.#name}_bucket`, cumulative[index] ?? 0, `${lead}le="${this.#bound(bound)}"`);
    });
    this.#line(`${this.#name}_bucket`, total, `${lead}le="+Inf"`);
    this.#line(`${this.#name}_sum`, sum, labels);
    this.#line(`${this.#name}_count`, total, labels);
  }

  text(): string {
    return `${this.#parts.join("")}${this.#openMetrics ? "# EOF\n" : ""}`;
  }

  #line(name: string, value: number, labels: string): void {
    if (this.#head !== "") this.#parts.push(this.#head);
    this.#head = "";
    const all =
      labels === "" || this.#constant === "" ? labels + this.#constant : `${labels},${this.#constant}`;
    this.#parts.push(all === "" ? `${name} ${number(value)}\n` : `${name}{${all}} ${number(value)}\n`);
  }

  /** Bounds are compared as texts; OpenMetrics wants them as floating-point numbers. */
  #bound(bound: number): string {
    return this.#openMetrics && Number.isInteger(bound) ? `${bound}.0` : String(bound);
  }
}

/** Writes labels, with what is special in their values escaped. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}
