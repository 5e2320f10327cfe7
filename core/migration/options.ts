/** What a migration is asked to keep to. The same keys are those of `migration_defaults` and of `POST /migrations`. */
import { type Static, Type } from "@sinclair/typebox";
import { bool, int, number } from "../config/schema/fields.ts";
import type { FieldError } from "../wire/problem.ts";

const WEEK_SECONDS = 604_800;
const PERCENT = { minimum: 0, maximum: 100 };
/** Most stages of one migration. */
const MAX_STAGES = 32;

export const MigrationOptionsSchema = Type.Object(
  {
    stages: Type.Array(Type.Number({ minimum: 0.001, maximum: 100 }), {
      default: [1, 5, 25, 50, 100],
      minItems: 1,
      maxItems: MAX_STAGES,
      description: "Shares of the requests that the new group gets, in percent, ascending; the last is 100.",
    }),
    hold_seconds: number(
      300,
      { minimum: 1, maximum: WEEK_SECONDS },
      "How long each stage lasts at least; a NO-GO ends it earlier.",
    ),
    max_hold_seconds: number(
      3600,
      { minimum: 1, maximum: WEEK_SECONDS },
      "How long a stage waits for `min_requests`, `hold_seconds` included, before `on_too_little_traffic` decides.",
    ),
    min_requests: int(
      50,
      { minimum: 1, maximum: 10_000_000 },
      "Requests that each group must have had before it is judged.",
    ),
    on_too_little_traffic: Type.Union([Type.Literal("wait"), Type.Literal("go"), Type.Literal("abort")], {
      default: "wait",
      description: "What to do when there were too few: wait on, go on to the next stage, or roll back.",
    }),
    max_error_rate_percent: number(5, PERCENT, "Highest error rate of the new group; 100 = any."),
    max_error_rate_delta_percent: number(
      1,
      PERCENT,
      "How many percentage points its error rate may be above that of the old group; 100 = any number.",
    ),
    max_latency_ratio: number(
      1.5,
      { minimum: 0, maximum: 1000 },
      "How many times the old group's mean and 99th percentile those of the new one may be; 0 = any number.",
    ),
    max_latency_ms: number(
      0,
      { minimum: 0, maximum: 3_600_000 },
      "Highest 99th percentile of the new group's durations, in milliseconds; 0 = any.",
    ),
    latency_slack_ms: number(
      10,
      { minimum: 0, maximum: 60_000 },
      "Milliseconds by which the new group may be slower whatever the ratio.",
    ),
    unroutable_seconds: number(
      5,
      { minimum: 0, maximum: 3600 },
      "How long the new group may be without a backend that takes requests.",
    ),
    sessions: Type.Union([Type.Literal("stay"), Type.Literal("move")], {
      default: "stay",
      description:
        "Sticky sessions of the old group: stay there until the stage of 100 %, or move when their turn comes.",
    }),
    split_by: Type.Union([Type.Literal("session"), Type.Literal("client")], {
      default: "session",
      description:
        "Who is moved as a whole: sessions alone, other requests one by one; or also clients without a session, by their address.",
    }),
    paused: bool(
      false,
      "Begin with nothing for the new group, until it is resumed; its backends can be put in service meanwhile.",
    ),
  },
  { additionalProperties: false },
);

export type MigrationOptions = Readonly<Static<typeof MigrationOptionsSchema>>;

/** Says what is wrong within options that are right by themselves; those that are not are absent. */
export function optionFaults({ stages }: Partial<MigrationOptions>): FieldError[] {
  if (stages === undefined) return [];
  const isAscending = stages.every((stage, index) => index === 0 || stage > (stages[index - 1] ?? 0));
  if (isAscending && stages.at(-1) === 100) return [];
  return [{ field: "stages", rule: "must ascend and end with 100", got: stages.join(", ") }];
}
