/** The texts that `--help` prints for commands, made of their table. */
import { type Argument, type CommandFlag, type CommandSpec, commandAt } from "./command-spec.ts";

/** The list of commands, one line each. */
export function commandList(commands: readonly CommandSpec[]): string[] {
  const width = Math.max(0, ...commands.map(({ name }) => name.length));
  return commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
}

/** Help of the command at `path`; of all commands for the empty path. */
export function commandHelp(
  program: string,
  commands: readonly CommandSpec[],
  path: readonly string[],
): string {
  const spec = commandAt(commands, path);
  if (spec === null) return overview(program, commands);
  const name = [program, ...path].join(" ");
  const sub = spec.commands ?? [];
  const lines = [`${name}: ${spec.summary}`, "", `Usage: ${usageLine(name, spec)}`];
  if (sub.length > 0) {
    lines.push("", "Commands:", ...commandList(sub));
    if (spec.runsAlone !== true) lines.push("", `See ${name} COMMAND --help.`);
  }
  if (spec.args !== undefined && spec.args.length > 0) {
    lines.push("", "Arguments:", ...spec.args.flatMap(({ name: each, help }) => entry(each, help)));
  }
  if (spec.flags !== undefined && spec.flags.length > 0) {
    lines.push("", "Flags:", ...spec.flags.flatMap((flag) => entry(flagHead(flag), flagHelp(flag))));
    lines.push(...entry("--help", "Print this text and exit."));
  }
  if (spec.notes !== undefined) lines.push("", ...spec.notes);
  return `${lines.join("\n")}\n`;
}

/** What follows a message about a wrong command line: how it is right, and where to read more. */
export function commandUsage(
  program: string,
  commands: readonly CommandSpec[],
  path: readonly string[],
): string {
  const spec = commandAt(commands, path);
  if (spec === null) return overview(program, commands);
  const name = [program, ...path].join(" ");
  return `Usage: ${usageLine(name, spec)}\nSee ${name} --help.\n`;
}

function overview(program: string, commands: readonly CommandSpec[]): string {
  const lines = [
    `Usage: ${program} [flags]              serve (see ${program} -help)`,
    `       ${program} COMMAND [arguments]  ask or tell a running server, or do an offline job`,
    "",
    "Commands:",
    ...commandList(commands),
    "",
    `See ${program} COMMAND --help.`,
  ];
  return `${lines.join("\n")}\n`;
}

function usageLine(name: string, spec: CommandSpec): string {
  const words = [name];
  if (spec.commands !== undefined) words.push(spec.runsAlone === true ? "[COMMAND]" : "COMMAND");
  words.push(...(spec.args ?? []).map(argumentWord));
  if ((spec.flags ?? []).length > 0) words.push("[flags]");
  return words.join(" ");
}

function argumentWord({ name, optional, repeats }: Argument): string {
  const word = repeats === true ? `${name}...` : name;
  return optional === true ? `[${word}]` : word;
}

function flagHead({ name, value }: CommandFlag): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function flagHelp({ help, repeats, choices, env, fallback }: CommandFlag): string {
  const parts: string[] = [];
  if (choices !== undefined) parts.push(`one of ${choices.join(", ")}`);
  if (repeats === true) parts.push("may be given more than once");
  if (env !== undefined) parts.push(`environment: ${env}`);
  if (fallback !== undefined) parts.push(`default: ${fallback}`);
  return parts.length === 0 ? help : `${help} (${parts.join("; ")})`;
}

function entry(head: string, help: string): string[] {
  return [`  ${head}`, `      ${help}`];
}
