/** Runs one command of `opsen-server`. Each command's code is loaded only when it is asked for. */
import { commandHelp, commandUsage } from "../../core/cli/command-help.ts";
import { parseCommand } from "../../core/cli/command-spec.ts";
import { SERVER_PROGRAM } from "../../core/cli/programs.ts";
import { SERVER_COMMANDS } from "../../core/cli/server-commands.ts";
import { type Command, type Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { escapedJson } from "./view/clean.ts";

/** By the words of the command; a group's commands are found by its own name too. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  status: async () => (await import("./status.ts")).status,
  top: async () => (await import("./top/top.ts")).top,
  backends: async () => (await import("./backends.ts")).listBackends,
  "backends add": async () => (await import("./backend-edits.ts")).addBackend,
  "backends set": async () => (await import("./backend-edits.ts")).changeBackend,
  "backends remove": async () => (await import("./backend-edits.ts")).removeBackend,
  drain: async () => (await import("./draining.ts")).drain,
  undrain: async () => (await import("./draining.ts")).undrain,
  explain: async () => (await import("./explain.ts")).explain,
  leases: async () => (await import("./leases.ts")).leases,
  reload: async () => (await import("./config.ts")).reload,
  "config get": async () => (await import("./config.ts")).configGet,
  "config set": async () => (await import("./config.ts")).configSet,
  "config unset": async () => (await import("./config.ts")).configUnset,
  "config undo": async () => (await import("./config.ts")).configUndo,
  "migrate start": async () => (await import("./migrate.ts")).startMigration,
  "migrate list": async () => (await import("./migrate.ts")).listMigrations,
  "migrate pause": async () => (await import("./migrate.ts")).steerMigration,
  "migrate resume": async () => (await import("./migrate.ts")).steerMigration,
  "migrate abort": async () => (await import("./migrate.ts")).steerMigration,
  "migrate advance": async () => (await import("./migrate.ts")).steerMigration,
  "migrate release": async () => (await import("./migrate.ts")).steerMigration,
  "migrate report": async () => (await import("./migrate.ts")).reportMigration,
  audit: async () => (await import("./audit.ts")).audit,
  convert: async () => (await import("./convert/convert.ts")).convert,
  "tls-cert": async () => (await import("./tls-cert.ts")).tlsCert,
  geoip: async () => (await import("./geoip/geoip.ts")).geoip,
};

/** Names of the commands that this file can run, for the test that holds them against the table. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** Runs the command that `words` name and gives the exit code. */
export async function runCommand(words: readonly string[], version: string): Promise<number> {
  const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words;
  const outcome = parseCommand(SERVER_COMMANDS, asked);
  if (outcome.kind === "help") {
    process.stdout.write(commandHelp(SERVER_PROGRAM.name, SERVER_COMMANDS, outcome.path));
    return EXIT.ok;
  }
  if (outcome.kind === "error") {
    const usage = commandUsage(SERVER_PROGRAM.name, SERVER_COMMANDS, outcome.path);
    process.stderr.write(`${outcome.message}\n\n${usage}`);
    return EXIT.usage;
  }
  const load = COMMANDS[outcome.given.path.join(" ")];
  if (load === undefined) throw new Error(`no code for the command ${outcome.given.path.join(" ")}`);
  const context = contextOf(new Inputs(outcome.given), version);
  try {
    const command = await load();
    return await command(context);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    if (context.given.on("json") && error.answer !== null) context.out(`${error.answer.trimEnd()}\n`);
    context.err(`${error.message}\n`);
    return error.exitCode;
  }
}

function contextOf(given: Inputs, version: string): Context {
  const { env, stdout, stderr } = process;
  const isTerminal = stdout.isTTY;
  return {
    given,
    env,
    version,
    columns: isTerminal ? stdout.columns : null,
    // https://no-color.org: set and not empty.
    isColored: isTerminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb",
    out: (text) => void stdout.write(given.on("json") ? escapedJson(text) : text),
    err: (text) => void stderr.write(text),
  };
}
