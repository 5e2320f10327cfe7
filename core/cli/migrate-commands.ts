/** The commands of `opsen-server migrate`. */
import type { CommandFlag, CommandSpec } from "./command-spec.ts";

const MIGRATION_ID = { name: "ID", help: "Id of the migration." };

/** Builds the group; `connection` are the flags of all commands that talk to a server. */
export function migrateCommands(connection: readonly CommandFlag[]): CommandSpec {
  const flags = connection;
  return {
    name: "migrate",
    summary: "moves traffic from one set of backends to another, in steps that are watched.",
    commands: [
      { name: "start", summary: "begins one.", flags: [...connection, ...START_FLAGS] },
      { name: "list", summary: "lists them, with where they stand.", flags },
      { name: "pause", summary: "holds one where it is.", args: [MIGRATION_ID], flags },
      { name: "resume", summary: "goes on with one that was paused.", args: [MIGRATION_ID], flags },
      { name: "abort", summary: "ends one and sends everything back.", args: [MIGRATION_ID], flags },
      { name: "report", summary: "tells what happened in each step.", args: [MIGRATION_ID], flags },
    ],
  };
}

const START_FLAGS: readonly CommandFlag[] = [
  { name: "from", value: "TAG", help: "Tag of the backends to leave. Required." },
  { name: "to", value: "TAG", help: "Tag of the backends to go to. Required." },
  {
    name: "stages",
    value: "PERCENT,...",
    help: "Shares of the traffic, one step after the other.",
    fallback: "the server's",
  },
  {
    name: "hold",
    value: "SECONDS",
    help: "How long each step is watched.",
    number: { minimum: 1, maximum: 604_800 },
  },
  {
    name: "max-error-rate-delta",
    value: "N",
    help: "By how much the share of errors may be higher than before.",
    number: { minimum: 0, maximum: 100 },
  },
  {
    name: "max-latency-ratio",
    value: "N",
    help: "By which factor answers may be slower than before.",
    number: { minimum: 0, maximum: 1000 },
  },
];
