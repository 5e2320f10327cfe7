/** `/migrations`: requests move from one group of backends to another by stages, see docs/migration.md. */
import { Type } from "@sinclair/typebox";
import { type Migration, shareOf } from "../../../core/migration/migration.ts";
import {
  type MigrationOptions,
  MigrationOptionsSchema,
  optionFaults,
} from "../../../core/migration/options.ts";
import { migrationReport, migrationView } from "../../../core/migration/report.ts";
import { ACTIONS, type Action } from "../../../core/migration/transitions.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import { TAG } from "../../../core/wire/tag.ts";
import { invalid, json, problem } from "./answers.ts";
import { readBody } from "./body.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";

/** Options that are absent are those of `migration_defaults`. */
const MigrationRequestSchema = Type.Object(
  {
    from: Type.String({ ...TAG, description: "Tag of the backends that requests leave." }),
    to: Type.String({ ...TAG, description: "Tag of the backends that they go to." }),
    ...Type.Partial(MigrationOptionsSchema).properties,
  },
  { additionalProperties: false },
);

/** Each comes with its reports. */
const DEFAULT_LISTED = 20;
const MAX_LISTED = 200;

const SUMMARIES: Readonly<Record<Action, string>> = {
  pause: "Stop the clock of a migration: the share of the new group stays as it is, unless it turns bad.",
  resume: "Let a migration go on, with its stage anew.",
  advance: "End the present stage of a migration as if it had been passed.",
  abort: "End a migration: the new group gets nothing.",
  release: "Make the group that lost a migration an ordinary one again.",
};

export function migrationOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["POST"],
      path: "/migrations",
      tag: "migrations",
      summary: "Begin to move requests from one group of backends to another.",
      body: MigrationRequestSchema,
      answers: {
        201: "It has begun.",
        400: "A field is wrong, or the tags do not name two groups of backends.",
        409: "Another one is under way.",
      },
      handle: (call) => start(deps, call),
    },
    {
      methods: ["GET"],
      path: "/migrations",
      tag: "migrations",
      summary: "List the migrations, the latest first.",
      query: { limit: `At most so many, up to ${MAX_LISTED}; ${DEFAULT_LISTED} unless given.` },
      answers: { 200: "Those on record, with their reports.", 400: "`limit` is no number." },
      handle: (call) => list(deps, call),
    },
    {
      methods: ["GET"],
      path: "/migrations/:id",
      tag: "migrations",
      summary: "Show a migration with what each stage has measured.",
      answers: { 200: "The migration.", 404: "There is none with this id." },
      handle: ({ params }) => withMigration(deps, params.id, (found) => json(viewOf(deps, found))),
    },
    {
      methods: ["GET"],
      path: "/migrations/:id/report",
      tag: "migrations",
      summary: "Show the report of a migration, in Markdown.",
      answers: { 200: "The report.", 404: "There is none with this id." },
      handle: ({ params }) => withMigration(deps, params.id, (found) => report(deps, found)),
    },
    ...ACTIONS.map((action): Operation => actionOperation(deps, action)),
  ];
}

function actionOperation(deps: ApiDeps, action: Action): Operation {
  return {
    methods: ["POST"],
    path: `/migrations/:id/${action}`,
    tag: "migrations",
    summary: SUMMARIES[action],
    answers: {
      200: "The migration as it is now.",
      404: "There is none with this id.",
      409: "It cannot be done in its present state.",
    },
    handle: (call) => change(deps, call, action),
  };
}

function list(deps: ApiDeps, { query }: Call): Response {
  const limit = query.get("limit") ?? String(DEFAULT_LISTED);
  if (!/^\d{1,6}$/.test(limit)) {
    return invalid([{ field: "limit", rule: "must be a whole number", got: limit }]);
  }
  const listed = deps.migrations.list().slice(0, Math.min(Number(limit), MAX_LISTED));
  return json({ migrations: listed.map((each) => viewOf(deps, each)) });
}

async function change(deps: ApiDeps, { params, actor }: Call, action: Action): Promise<Response> {
  const before = deps.migrations.get(idOf(params.id));
  if (before === null) return unknown(params.id);
  const outcome = await deps.migrations.act(before.id, action, actor);
  if (!outcome.ok) return problem(409, `Migration ${before.id} cannot do that: ${outcome.why}.`);
  note(deps, actor, action, before, outcome.migration);
  return json(viewOf(deps, outcome.migration));
}

async function start(deps: ApiDeps, { request, actor }: Call): Promise<Response> {
  const defaults = deps.config.migration_defaults;
  const limit = deps.config.max_request_body_bytes;
  const body = await readBody(request, MigrationRequestSchema, limit, (sound) => faultsOf(sound, defaults));
  if (!body.ok) return body.answer;
  const { from, to, ...options } = body.value;
  const ask = { from, to, options: { ...defaults, ...options }, by: actor };
  const outcome = await deps.migrations.start(ask);
  if (outcome.kind === "invalid") return invalid(outcome.errors);
  if (outcome.kind === "conflict") return problem(409, `${outcome.detail}.`);
  note(deps, actor, "begin", null, outcome.migration);
  return json(viewOf(deps, outcome.migration), 201);
}

/** Says in the audit log what a person has done. */
function note(
  { audit, now, wallOf }: ApiDeps,
  actor: string,
  action: string,
  before: Migration | null,
  after: Migration,
): void {
  const changes = [
    { key: "status", from: before?.phase.kind ?? null, to: after.phase.kind },
    { key: "share_percent", from: before === null ? null : shareOf(before), to: shareOf(after) },
  ].filter(({ from, to }) => from !== to);
  const at = new Date(wallOf(now())).toISOString();
  const target = `${after.id} (${after.from} to ${after.to})`;
  audit.add({ at, actor, action: `${action} migration`, target, changes, persist: true });
}

/** What the asker has set may contradict a default. */
function faultsOf(sound: Partial<MigrationOptions>, defaults: MigrationOptions): FieldError[] {
  return optionFaults({ ...defaults, ...sound });
}

function viewOf({ migrations }: ApiDeps, migration: Migration): Record<string, unknown> {
  return migrationView(migration, migrations.current(migration));
}

function report({ migrations }: ApiDeps, migration: Migration): Response {
  const text = migrationReport(migration, migrations.current(migration));
  const headers = { "Content-Type": "text/markdown; charset=utf-8", "Cache-Control": "no-store" };
  return new Response(text, { headers });
}

function withMigration(
  { migrations }: ApiDeps,
  id: string | undefined,
  answer: (found: Migration) => Response,
): Response {
  const found = migrations.get(idOf(id));
  return found === null ? unknown(id) : answer(found);
}

/** What is no number is the id of none. */
function idOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : -1;
}

function unknown(id: string | undefined): Response {
  return problem(404, `There is no migration ${id ?? ""}; GET /migrations lists those there are.`);
}
