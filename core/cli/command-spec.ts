/**
 * Commands such as `drain ID --wait 30`, as data: parsing, help texts, and whatever else is made of them read the
 * same table. Flags are those of `flags.ts`, in front of the arguments, behind them or between.
 */
import { nearest } from "../schema/suggest.ts";
import type { Flag } from "./flags.ts";

export interface CommandFlag extends Flag {
  /** May be given more than once; all its values count, not the last one alone. */
  readonly repeats?: true;
  /** The value is a number within these bounds. */
  readonly number?: { readonly minimum: number; readonly maximum: number; readonly whole?: true };
  /** The only values. */
  readonly choices?: readonly string[];
}

export interface Argument {
  readonly name: string;
  readonly help: string;
  readonly optional?: true;
  /** Takes all arguments that follow. */
  readonly repeats?: true;
}

export interface CommandSpec {
  readonly name: string;
  /** What it does, to be read after the name and a colon. */
  readonly summary: string;
  readonly args?: readonly Argument[];
  readonly flags?: readonly CommandFlag[];
  /** The commands of a group, such as `config get`. */
  readonly commands?: readonly CommandSpec[];
  /** A group that does something without a command of it, too. */
  readonly runsAlone?: true;
  readonly notes?: readonly string[];
}

/** What a command line asks for: which command, and what was given to it. */
export interface Given {
  /** Names from the outermost group on. */
  readonly path: readonly string[];
  readonly args: readonly string[];
  /** Values by flag; all of them for one that repeats, the last one of the others. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
}

export type CommandOutcome =
  | { readonly kind: "run"; readonly given: Given }
  | { readonly kind: "help"; readonly path: readonly string[] }
  | { readonly kind: "error"; readonly path: readonly string[]; readonly message: string };

/** Reads the words after the program's name. */
export function parseCommand(commands: readonly CommandSpec[], words: readonly string[]): CommandOutcome {
  const found = findCommand(commands, words);
  if (found.kind !== "found") return found;
  const { spec, path } = found;
  const values = new Map<string, readonly string[]>();
  const switches = new Set<string>();
  const args: string[] = [];
  const rest = words.slice(path.length);
  let isPlain = false;
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? "";
    if (word === "--" && !isPlain) {
      isPlain = true;
      continue;
    }
    if (isPlain || !word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const token = readFlag(spec, word, rest[at + 1]);
    if (token.kind === "help") return { kind: "help", path };
    if (token.kind === "error") return { ...token, path };
    if (token.text === null) {
      switches.add(token.flag.name);
      continue;
    }
    const before = token.flag.repeats === true ? (values.get(token.flag.name) ?? []) : [];
    values.set(token.flag.name, [...before, token.text]);
    if (token.tookNext) at++;
  }
  const message = wrongArguments(spec, args);
  if (message !== null) return { kind: "error", path, message };
  return { kind: "run", given: { path, args, values, switches } };
}

/** Gives the command of a path; null when there is none. */
export function commandAt(commands: readonly CommandSpec[], path: readonly string[]): CommandSpec | null {
  let level = commands;
  let spec: CommandSpec | null = null;
  for (const name of path) {
    spec = level.find((each) => each.name === name) ?? null;
    if (spec === null) return null;
    level = spec.commands ?? [];
  }
  return spec;
}

type Found =
  | { readonly kind: "found"; readonly spec: CommandSpec; readonly path: readonly string[] }
  | Exclude<CommandOutcome, { readonly kind: "run" }>;

function findCommand(commands: readonly CommandSpec[], words: readonly string[]): Found {
  const path: string[] = [];
  let level = commands;
  let spec: CommandSpec | null = null;
  for (const word of words) {
    if (level.length === 0) break;
    if (word.startsWith("-")) break;
    const next: CommandSpec | undefined = level.find((each) => each.name === word);
    if (next === undefined) {
      if (spec?.runsAlone === true && spec.args !== undefined) break;
      return { kind: "error", path, message: unknownCommand([...path, word], level) };
    }
    spec = next;
    path.push(word);
    level = next.commands ?? [];
  }
  if (spec === null) return { kind: "help", path };
  if (level.length === 0 || spec.runsAlone === true) return { kind: "found", spec, path };
  if (words.slice(path.length).some((word) => /^--?h(?:elp)?$/.test(word))) return { kind: "help", path };
  const names = level.map(({ name }) => name).join(", ");
  return { kind: "error", path, message: `${path.join(" ")} needs one of: ${names}` };
}

function unknownCommand(path: readonly string[], level: readonly CommandSpec[]): string {
  const names = level.map(({ name }) => name);
  const near = nearest(path.at(-1) ?? "", names);
  const before = path.slice(0, -1).map((name) => `${name} `);
  const hint = near === null ? "" : `; did you mean "${before.join("")}${near}"?`;
  return `unknown command "${path.join(" ")}"${hint}`;
}

type FlagToken =
  /** `text` is null for a switch. */
  | {
      readonly kind: "flag";
      readonly flag: CommandFlag;
      readonly text: string | null;
      readonly tookNext: boolean;
    }
  | { readonly kind: "help" }
  | { readonly kind: "error"; readonly message: string };

function readFlag(spec: CommandSpec, word: string, next: string | undefined): FlagToken {
  const [, name = "", given] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  if (name === "h" || name === "help") return { kind: "help" };
  const flags = spec.flags ?? [];
  const flag = flags.find((each) => each.name === name);
  if (flag === undefined) {
    const near = nearest(
      name,
      flags.map((each) => each.name),
    );
    return failed(`unknown flag ${word.split("=")[0]}${near === null ? "" : `; did you mean --${near}?`}`);
  }
  if (flag.value === undefined) {
    if (given !== undefined) return failed(`--${name} takes no value`);
    return { kind: "flag", flag, text: null, tookNext: false };
  }
  const text = given ?? next;
  if (text === undefined) return failed(`--${name} needs a value: ${flag.value}`);
  const wrong = wrongValue(flag, text);
  if (wrong !== null) return failed(wrong);
  return { kind: "flag", flag, text, tookNext: given === undefined };
}

function wrongValue(flag: CommandFlag, text: string): string | null {
  const got = JSON.stringify(text.slice(0, 80));
  if (flag.choices !== undefined && !flag.choices.includes(text)) {
    const near = nearest(text, flag.choices);
    const hint = near === null ? "" : `; did you mean ${near}?`;
    return `--${flag.name} must be one of ${flag.choices.join(", ")}, not ${got}${hint}`;
  }
  if (flag.number === undefined) return null;
  const { minimum, maximum, whole } = flag.number;
  const value = Number(text);
  const isRight =
    /^-?\d+(?:\.\d+)?$/.test(text) &&
    value >= minimum &&
    value <= maximum &&
    (whole !== true || Number.isInteger(value));
  if (isRight) return null;
  return `--${flag.name} must be a ${whole === true ? "whole " : ""}number from ${minimum} to ${maximum}, not ${got}`;
}

function wrongArguments(spec: CommandSpec, args: readonly string[]): string | null {
  const wanted = spec.args ?? [];
  const missing = wanted.find((each, index) => each.optional !== true && args[index] === undefined);
  if (missing !== undefined) return `${missing.name} is missing`;
  if (wanted.at(-1)?.repeats === true || args.length <= wanted.length) return null;
  return `unexpected argument ${JSON.stringify(args[wanted.length]?.slice(0, 80))}`;
}

function failed(message: string): FlagToken {
  return { kind: "error", message };
}
