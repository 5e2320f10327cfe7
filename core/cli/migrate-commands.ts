/** The commands of `opsen-server migrate`. */
import type { CommandFlag, CommandSpec } from "./command-spec.ts";

const MIGRATION_ID = { name: "ID", help: "Number of the migration." };
const WEEK_SECONDS = 604_800;
const PERCENT = { minimum: 0, maximum: 100 };

/** A flag of `migrate start`, with the field of the call that it sets. */
interface PlanFlag extends CommandFlag {
  readonly field: string;
}

/** What is not given is what the server's `migration_defaults` say. */
export const PLAN_FLAGS: readonly PlanFlag[] = [
  {
    name: "hold",
    field: "hold_seconds",
    value: "SECONDS",
    help: "How long each stage lasts at least; a NO-GO ends it earlier.",
    number: { minimum: 1, maximum: WEEK_SECONDS },
  },
  {
    name: "max-hold",
    field: "max_hold_seconds",
    value: "SECONDS",
    help: "How long a stage waits for enough requests.",
    number: { minimum: 1, maximum: WEEK_SECONDS },
  },
  {
    name: "min-requests",
    field: "min_requests",
    value: "N",
    help: "Requests that each group must have had before it is judged.",
    number: { minimum: 1, maximum: 10_000_000, whole: true },
  },
  {
    name: "on-too-little-traffic",
    field: "on_too_little_traffic",
    value: "WHAT",
    help: "What to do when there were too few: wait on, go on, or roll back.",
    choices: ["wait", "go", "abort"],
  },
  {
    name: "max-error-rate",
    field: "max_error_rate_percent",
    value: "PERCENT",
    help: "Highest error rate of the new group; 100 = any.",
    number: PERCENT,
  },
  {
    name: "max-error-rate-delta",
    field: "max_error_rate_delta_percent",
    value: "POINTS",
    help: "How many percentage points its error rate may be above the old group's; 100 = any number.",
    number: PERCENT,
  },
  {
    name: "max-latency-ratio",
    field: "max_latency_ratio",
    value: "N",
    help: "How many times the old group's durations those of the new one may be; 0 = any number.",
    number: { minimum: 0, maximum: 1000 },
  },
  {
    name: "max-latency",
    field: "max_latency_ms",
    value: "MS",
    help: "Highest 99th percentile of the new group's durations; 0 = any.",
    number: { minimum: 0, maximum: 3_600_000 },
  },
  {
    name: "latency-slack",
    field: "latency_slack_ms",
    value: "MS",
    help: "By how much the new group may be slower whatever the ratio.",
    number: { minimum: 0, maximum: 60_000 },
  },
  {
    name: "unroutable",
    field: "unroutable_seconds",
    value: "SECONDS",
    help: "How long the new group may be without a backend that takes requests.",
    number: { minimum: 0, maximum: 3600 },
  },
  {
    name: "sessions",
    field: "sessions",
    value: "WHAT",
    help: "Sticky sessions of the old group: stay until 100 %, or move when their turn comes.",
    choices: ["stay", "move"],
  },
  {
    name: "split-by",
    field: "split_by",
    value: "WHAT",
    help: "Who is moved as a whole: sessions alone, or clients without one too.",
    choices: ["session", "client"],
  },
];

const START_FLAGS: readonly CommandFlag[] = [
  { name: "from", value: "TAG", help: "Tag of the backends that requests leave. Required." },
  { name: "to", value: "TAG", help: "Tag of the backends that they go to. Required." },
  {
    name: "stages",
    value: "PERCENT,...",
    help: "Shares of the requests that the new group gets, one stage after the other, up to 100.",
  },
  ...PLAN_FLAGS,
  { name: "paused", help: "Begin with nothing for the new group, until it is resumed." },
];

/** Builds the group; `connection` are the flags of all commands that talk to a server. */
export function migrateCommands(connection: readonly CommandFlag[]): CommandSpec {
  const flags = connection;
  const args = [MIGRATION_ID];
  return {
    name: "migrate",
    summary: "moves requests from one group of backends to another, in stages that are watched.",
    commands: [
      { name: "start", summary: "begins one.", flags: [...connection, ...START_FLAGS] },
      { name: "list", summary: "lists them, the latest first, with where they stand.", flags },
      { name: "pause", summary: "stops the clock of one; the new group's share stays.", args, flags },
      { name: "resume", summary: "goes on with one that was paused.", args, flags },
      { name: "advance", summary: "ends the present stage as if it had been passed.", args, flags },
      { name: "abort", summary: "ends one: the new group gets nothing.", args, flags },
      { name: "release", summary: "makes the group that lost one an ordinary one again.", args, flags },
      { name: "report", summary: "tells what was measured in each stage, in Markdown.", args, flags },
    ],
  };
}
