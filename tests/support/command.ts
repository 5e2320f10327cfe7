/** Runs a command of the server inside the test, with its output caught. */
import { parseCommand } from "../../core/cli/command-spec.ts";
import { SERVER_COMMANDS } from "../../core/cli/server-commands.ts";
import { type Command, type Context, Inputs } from "../../server/cli/context.ts";
import { CommandFailure } from "../../server/cli/failure.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Gives what a command would be given for these words; fails when they are wrong. */
export function contextFor(
  words: readonly string[],
  env: Context["env"] = {},
): Context & { readonly said: { out: string; err: string } } {
  const outcome = parseCommand(SERVER_COMMANDS, words);
  if (outcome.kind !== "run")
    throw new Error(outcome.kind === "error" ? outcome.message : "help was asked for");
  const said = { out: "", err: "" };
  return {
    given: new Inputs(outcome.given),
    env,
    version: "0.0.0",
    columns: null,
    isColored: false,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    said,
  };
}

export async function runCommand(
  command: Command,
  words: readonly string[],
  env: Context["env"] = {},
): Promise<Ran> {
  const context = contextFor(words, env);
  try {
    return { code: await command(context), ...context.said };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { code: error.exitCode, out: context.said.out, err: `${context.said.err}${error.message}\n` };
  }
}
