/** The configuration as it counts now, and changes of it: `/config`, `/audit`. */
import { Type } from "@sinclair/typebox";
import { shownConfig } from "../../../core/config/runtime/diff.ts";
import { LIVE_KEYS } from "../../../core/config/runtime/live-keys.ts";
import { type RuntimeChanges, withKeys } from "../../../core/config/runtime/runtime-changes.ts";
import { isLoopback } from "../../../core/http/cidr.ts";
import type { SettingsOutcome, Request as SettingsRequest } from "../settings/settings.ts";
import { invalid, json, problem } from "./answers.ts";
import { readBody } from "./body.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";

const PERSIST = Type.Optional(
  Type.Boolean({ default: true, description: "Whether it outlives a restart; yes unless said otherwise." }),
);

const ConfigPatchSchema = Type.Object(
  {
    set: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "New values by key." })),
    unset: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 256,
        description:
          "Keys that are to be what the file, the environment and the flags say again; with `backends`, all that calls have said of backends.",
      }),
    ),
    persist: PERSIST,
  },
  { additionalProperties: false },
);

export const IF_MATCH = {
  "If-Match": "The `ETag` that the change is meant for: when something has changed since, 412.",
} as const;
const DRY_RUN = { dry_run: "`true` tells what would change, and changes nothing." } as const;
export const CHANGED = {
  200: "What has changed, and what takes effect at the next start.",
  400: "What is wrong; nothing has changed.",
  412: "Something has changed since the version of `If-Match`.",
} as const;

const DEFAULT_AUDIT = 100;
const MAX_AUDIT = 1000;

export function settingsOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["GET"],
      path: "/config",
      tag: "settings",
      summary: "Show the configuration as it counts now; secrets are hidden.",
      answers: { 200: "Every key, which of them can change without a restart, and what calls have changed." },
      handle: () => shown(deps),
    },
    {
      methods: ["PATCH"],
      path: "/config",
      tag: "settings",
      summary: "Change keys of the configuration at once: all of them or none.",
      body: ConfigPatchSchema,
      query: DRY_RUN,
      headers: IF_MATCH,
      answers: CHANGED,
      handle: (call) => patch(deps, call),
    },
    {
      methods: ["POST"],
      path: "/config/reload",
      tag: "settings",
      summary: "Read the configuration file again.",
      query: DRY_RUN,
      headers: IF_MATCH,
      answers: CHANGED,
      handle: async (call) => answerOf(await deps.settings.reload(requestOf(call, "reload", "", false))),
    },
    {
      methods: ["POST"],
      path: "/config/undo",
      tag: "settings",
      summary: "Take the last change by a call back.",
      query: DRY_RUN,
      headers: IF_MATCH,
      answers: { ...CHANGED, 409: "There is nothing to take back." },
      handle: async (call) => answerOf(await deps.settings.undo(requestOf(call, "undo", "", true))),
    },
    {
      methods: ["GET"],
      path: "/audit",
      tag: "settings",
      summary: "Who has changed what, newest first.",
      query: { limit: `At most so many entries, up to ${MAX_AUDIT}; ${DEFAULT_AUDIT} unless given.` },
      answers: { 200: "The entries.", 400: "`limit` is no number." },
      handle: (call) => audit(deps, call),
    },
  ];
}

/** How a call wants a change to be made. */
export function requestOf(call: Call, action: string, target: string, persist: boolean): SettingsRequest {
  const [, version] = /^(?:W\/)?"(\d{1,15})"$/.exec(call.request.headers.get("If-Match") ?? "") ?? [];
  const asked = call.request.headers.get("If-Match");
  return {
    actor: call.actor,
    action,
    target,
    persist,
    // What is no version of ours fits none.
    expected: asked === null || asked === "*" ? null : Number(version ?? -1),
    // Who writes it otherwise does not mean to change anything.
    dryRun: (call.query.get("dry_run") ?? "false") !== "false",
    isLocal: isLoopback(call.peer),
  };
}

/** Answers with what came of a change. */
export function answerOf(outcome: SettingsOutcome, status = 200): Response {
  if (outcome.kind === "invalid") return invalid(outcome.errors);
  if (outcome.kind === "conflict") return problem(409, outcome.detail);
  if (outcome.kind === "nothing") return problem(409, "No change by a call is left to take back.");
  if (outcome.kind === "stale") {
    const detail = "Something has changed since; read it again and repeat the change on that.";
    return problem(412, detail, { headers: { ETag: `"${outcome.version}"` } });
  }
  const { version, changes, restartRequired } = outcome;
  return tagged(json({ version, changes, restart_required: restartRequired }, status), version);
}

/** Gives an answer the version that it shows. */
export function tagged(response: Response, version: number): Response {
  response.headers.set("ETag", `"${version}"`);
  return response;
}

function shown({ config, settings, source }: ApiDeps): Response {
  const answer = json({
    version: settings.version,
    config: shownConfig(config),
    live: [...LIVE_KEYS],
    overrides: overridesOf(settings.changes),
    can_undo: settings.canUndo,
    source,
  });
  return tagged(answer, settings.version);
}

/** What calls have changed, by key; of single backends, the ids. */
function overridesOf({ keys, added, removed, terms }: RuntimeChanges): Record<string, unknown> {
  const overrides = new Map<string, object>();
  for (const { key, value, persist, by, at } of keys) {
    overrides.set(key, { value, persist, by, at: new Date(at).toISOString() });
  }
  const single = [...added, ...removed, ...terms].toSorted((a, b) => a.at - b.at);
  const last = single.at(-1);
  if (last !== undefined) {
    overrides.set("backends", {
      ...overrides.get("backends"),
      added: added.map(({ id }) => id),
      removed: removed.map(({ id }) => id),
      changed: terms.map(({ id }) => id),
      by: last.by,
      at: new Date(last.at).toISOString(),
      persist: single.some(({ persist }) => persist),
    });
  }
  return Object.fromEntries(overrides);
}

async function patch(deps: ApiDeps, call: Call): Promise<Response> {
  const body = await readBody(call.request, ConfigPatchSchema, deps.config.max_request_body_bytes);
  if (!body.ok) return body.answer;
  const { set = {}, unset = [], persist = true } = body.value;
  if (Object.keys(set).length + unset.length === 0) {
    return invalid([{ field: "set", rule: "must name at least one key, or unset must", got: null }]);
  }
  const known = new Set([
    ...Object.keys(shownConfig(deps.config)),
    ...deps.settings.changes.keys.map(({ key }) => key),
  ]);
  const strange = unset.filter((key) => !known.has(key));
  if (strange.length > 0) {
    return invalid(
      strange.map((key) => ({ field: "unset", rule: "must name keys of the configuration", got: key })),
    );
  }
  const request = requestOf(call, "config", "", persist);
  return answerOf(
    await deps.settings.change(request, (changes, origin) => withKeys(changes, set, unset, origin)),
  );
}

function audit({ audit: log }: ApiDeps, { query }: Call): Response {
  const limit = query.get("limit") ?? String(DEFAULT_AUDIT);
  if (!/^\d{1,6}$/.test(limit)) {
    return invalid([{ field: "limit", rule: "must be a whole number", got: limit }]);
  }
  const entries = log.newest(Math.min(MAX_AUDIT, Number(limit)));
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  // They are JSON already.
  return new Response(`{"entries":[${entries.join(",")}]}\n`, { headers });
}
