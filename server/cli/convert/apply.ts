/** Applies a product's rules to its file. Pure. */
import type { TObject } from "@sinclair/typebox";
import { withDefaults } from "../../../core/config/defaults.ts";
import { faultMessage } from "../../../core/config/fault-message.ts";
import { check, pathText } from "../../../core/schema/check.ts";
import { nearest } from "../../../core/schema/suggest.ts";
import { record } from "../json.ts";
import type { Outcome, Rule, Source } from "./rule.ts";

/** A key of ours, with where its value comes from. */
export interface Converted {
  readonly key: string;
  readonly value: unknown;
  readonly from: string;
}

export interface Conversion {
  readonly settings: readonly Converted[];
  /** Entries of `backends`, each with its settings. */
  readonly backends: readonly (readonly Converted[])[];
  readonly warnings: readonly { readonly from: string; readonly text: string }[];
}

const BACKEND_PREFIX = "backends[].";

/** Converts a parsed file; what our schema would refuse is left out and said. */
export function applyRules(source: Source, file: unknown, schema: TObject): Conversion {
  const run = new Run(source, file, schema);
  const settings: Converted[] = [];
  for (const { setting, why, unless } of source.givens) {
    if (unless === undefined || lookUp(file, unless) === undefined) settings.push({ ...setting, from: why });
  }
  for (const rule of source.rules) {
    if (rule.from.startsWith(BACKEND_PREFIX)) continue;
    const value = lookUp(file, rule.from);
    if (value !== undefined && value !== null) settings.push(...run.take(rule, value, rule.from));
  }
  const entries = lookUp(file, "backends");
  const backends = (Array.isArray(entries) ? entries : []).map((entry: unknown, index) =>
    source.rules.flatMap((rule) => {
      if (!rule.from.startsWith(BACKEND_PREFIX)) return [];
      const name = rule.from.slice(BACKEND_PREFIX.length);
      const value = record(entry)[name];
      if (value === undefined || value === null) return [];
      return run.take(rule, value, `backends[${index}].${name}`);
    }),
  );
  run.warnOfUnknown();
  return { settings: run.sound(lastOfEach(settings)), backends, warnings: run.warnings };
}

class Run {
  readonly warnings: { from: string; text: string }[] = [];
  readonly #source: Source;
  readonly #file: unknown;
  readonly #schema: TObject;

  constructor(source: Source, file: unknown, schema: TObject) {
    this.#source = source;
    this.#file = file;
    this.#schema = schema;
  }

  take(rule: Rule, value: unknown, from: string): Converted[] {
    const outcome: Outcome = rule.convert(value, (path) => lookUp(this.#file, path));
    for (const text of outcome.warnings) this.warnings.push({ from, text });
    return outcome.settings.map((setting) => ({ ...setting, from }));
  }

  /** Leaves out what our schema refuses: theirs may allow what ours does not. */
  sound(settings: readonly Converted[]): readonly Converted[] {
    return settings.filter(({ key, value, from }) => {
      const property = this.#schema.properties[key];
      const faults = property === undefined ? [] : check(property, withDefaults(property, value));
      for (const fault of faults) {
        const text = `left out: our ${pathText([key, ...fault.path])} ${faultMessage(fault)}`;
        this.warnings.push({ from, text });
      }
      return faults.length === 0;
    });
  }

  /** Says every key that no rule knows, so that nothing is lost without a word. */
  warnOfUnknown(): void {
    const known = this.#source.rules.map(({ from }) => from);
    for (const path of leavesOf(this.#file, known)) {
      const near = nearest(path, known);
      const hint = near === null ? "" : `; did you mean ${near}?`;
      this.warnings.push({ from: path, text: `unknown key, left out${hint}` });
    }
  }
}

/** Paths of the file's values that no known path is or leads to. */
function leavesOf(file: unknown, known: readonly string[]): string[] {
  const found = new Set<string>();
  const walk = (value: unknown, path: string): void => {
    if (path !== "" && known.includes(path)) return;
    const leads =
      path === "" || known.some((each) => each.startsWith(`${path}.`) || each.startsWith(`${path}[]`));
    if (Array.isArray(value) && leads) {
      for (const each of value) walk(each, `${path}[]`);
    } else if (typeof value === "object" && value !== null && leads) {
      for (const [key, each] of Object.entries(value)) walk(each, path === "" ? key : `${path}.${key}`);
    } else if (value !== null) {
      found.add(path);
    }
  };
  walk(file, "");
  return [...found];
}

function lookUp(file: unknown, path: string): unknown {
  let value: unknown = file;
  for (const part of path.split(".")) {
    const level = record(value);
    value = Object.hasOwn(level, part) ? level[part] : undefined;
  }
  return value;
}

/** Of several values for one key the last one counts. */
function lastOfEach(settings: readonly Converted[]): Converted[] {
  return [...new Map(settings.map((each) => [each.key, each])).values()];
}
