/** Backends as operators see and change them: `/backends`, `/backends/{id}`. */
import { Type } from "@sinclair/typebox";
import { backendIdOf } from "../../../core/config/checks/backend-checks.ts";
import { withBackend, withoutBackend, withTerms } from "../../../core/config/runtime/runtime-changes.ts";
import { BACKEND_TERMS, BackendSchema } from "../../../core/config/schema/backend-schema.ts";
import type { BackendState } from "../registry/backend-state.ts";
import type { Request as SettingsRequest } from "../settings/settings.ts";
import { invalid, json, noContent, problem } from "./answers.ts";
import { readBody } from "./body.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";
import { drain, undrain } from "./draining.ts";
import { fleetView } from "./fleet-view.ts";
import { answerOf, CHANGED, IF_MATCH, requestOf, tagged } from "./settings.ts";

const PERSIST = {
  persist: Type.Optional(
    Type.Boolean({ description: "Whether it outlives a restart; yes unless said otherwise." }),
  ),
};
const NewBackendSchema = Type.Object(
  { ...BackendSchema.properties, ...PERSIST },
  { additionalProperties: false },
);
const TermsPatchSchema = Type.Object({ ...BACKEND_TERMS, ...PERSIST }, { additionalProperties: false });

const DRY_RUN = { dry_run: "`true` tells what would change, and changes nothing." } as const;
const UNKNOWN = { 404: "No such backend." } as const;

export function fleetOperations(deps: ApiDeps): Operation[] {
  return [...lookingOperations(deps), ...changingOperations(deps), ...drainingOperations(deps)];
}

function lookingOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["GET"],
      path: "/backends",
      tag: "backends",
      summary: "List the backends, however they became known, with what they do now.",
      answers: { 200: "All of them, ordered by id." },
      handle: () => {
        const now = deps.now();
        const backends = deps.registry.list(now).map((state) => fleetView(deps, state, now));
        const { version } = deps.settings;
        return tagged(json({ version, backends }), version);
      },
    },
    {
      methods: ["GET"],
      path: "/backends/:id",
      tag: "backends",
      summary: "Show one backend.",
      answers: { 200: "What it does now.", ...UNKNOWN },
      handle: ({ params }) => {
        const now = deps.now();
        const state = deps.registry.get(params.id ?? "", now);
        if (state === null) return unknown(params.id);
        return tagged(json(fleetView(deps, state, now)), deps.settings.version);
      },
    },
  ];
}

function changingOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["POST"],
      path: "/backends",
      tag: "backends",
      summary: "Add a backend that needs no agent.",
      body: NewBackendSchema,
      query: DRY_RUN,
      headers: IF_MATCH,
      answers: {
        200: "What would change, when it was tried out.",
        201: "It is in service.",
        400: CHANGED[400],
        409: "The id is taken.",
        412: CHANGED[412],
      },
      handle: (call) => add(deps, call),
    },
    {
      methods: ["PATCH"],
      path: "/backends/:id",
      tag: "backends",
      summary: "Change weight, limits, backup or tags of a backend, whether it has an agent or not.",
      body: TermsPatchSchema,
      query: DRY_RUN,
      headers: IF_MATCH,
      answers: { ...CHANGED, ...UNKNOWN, 409: "It has just been removed." },
      handle: (call) => change(deps, call),
    },
    {
      methods: ["DELETE"],
      path: "/backends/:id",
      tag: "backends",
      summary: "Remove a backend; requests in flight go on. One with an agent comes back when that reports.",
      query: DRY_RUN,
      headers: IF_MATCH,
      answers: { 204: "It is gone.", 400: CHANGED[400], ...UNKNOWN, 412: CHANGED[412] },
      handle: (call) => remove(deps, call),
    },
  ];
}

function drainingOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["POST"],
      path: "/backends/:id/drain",
      tag: "backends",
      summary: "As `/clients/{client_id}/drain`.",
      query: { wait: "Answer when it is idle, or after so many seconds." },
      answers: { 200: "It gets nothing new.", ...UNKNOWN },
      handle: (call) => drain(deps, call, call.params.id ?? ""),
    },
    {
      methods: ["POST"],
      path: "/backends/:id/undrain",
      tag: "backends",
      summary: "As `/clients/{client_id}/undrain`.",
      answers: { 200: "It is in service.", ...UNKNOWN },
      handle: (call) => undrain(deps, call, call.params.id ?? ""),
    },
  ];
}

async function add(deps: ApiDeps, call: Call): Promise<Response> {
  const body = await readBody(call.request, NewBackendSchema, deps.config.max_request_body_bytes);
  if (!body.ok) return body.answer;
  const { persist = true, ...entry } = body.value;
  const id = backendIdOf(entry);
  const taken = `There is a backend ${id} already; choose another id, or change that one.`;
  const request: SettingsRequest = {
    ...requestOf(call, "add backend", id, persist),
    obstacle: () => (targetOf(deps, id) === null ? null : taken),
  };
  const outcome = await deps.settings.change(request, (changes, origin) =>
    withBackend(changes, entry, origin),
  );
  return answerOf(outcome, request.dryRun ? 200 : 201);
}

async function change(deps: ApiDeps, call: Call): Promise<Response> {
  const id = call.params.id ?? "";
  const body = await readBody(call.request, TermsPatchSchema, deps.config.max_request_body_bytes);
  if (!body.ok) return body.answer;
  const { persist = true, ...terms } = body.value;
  if (Object.keys(terms).length === 0) {
    const rule = `must name at least one of ${Object.keys(BACKEND_TERMS).join(", ")}`;
    return invalid([{ field: "", rule, got: null }]);
  }
  const target = targetOf(deps, id);
  if (target === null) return unknown(id);
  if (target !== id) return problem(400, `${id} is one address of ${target}: change that one.`);
  const request: SettingsRequest = {
    ...requestOf(call, "change backend", id, persist),
    obstacle: () => (targetOf(deps, id) === id ? null : `${id} has just been removed.`),
  };
  return answerOf(
    await deps.settings.change(request, (changes, origin) => withTerms(changes, id, terms, origin)),
  );
}

async function remove(deps: ApiDeps, call: Call): Promise<Response> {
  const { registry, settings, now } = deps;
  const id = call.params.id ?? "";
  const target = targetOf(deps, id);
  if (target === null) return unknown(id);
  if (target !== id) return problem(400, `${id} is one address of ${target}: remove that one.`);
  const request = requestOf(call, "remove backend", id, true);
  const outcome = await settings.change(request, (changes, origin) => {
    const isListed = deps.config.backends.some((each) => backendIdOf(each) === id);
    const isAdded = changes.added.some((each) => each.id === id);
    return withoutBackend(changes, id, isListed && !isAdded, origin);
  });
  if (outcome.kind !== "applied") return answerOf(outcome);
  if (request.dryRun) return answerOf(outcome);
  if (registry.get(id, now())?.source === "agent") {
    const removed = await registry.remove(id, { token: null, isAdmin: true });
    if (removed.kind !== "removed") return problem(removed.kind === "busy" ? 503 : 404, removed.detail);
  }
  return noContent({ ETag: `"${outcome.version}"` });
}

/** The id under which a backend can be changed: of an address of a name, that of the name. Null for none. */
function targetOf({ registry, config, now }: ApiDeps, id: string): string | null {
  const state: BackendState | null = registry.get(id, now());
  if (state?.source === "dns") return id.slice(0, id.lastIndexOf("@"));
  const isListed = config.backends.some((each) => backendIdOf(each) === id);
  return state === null && !isListed ? null : id;
}

function unknown(id = ""): Response {
  return problem(404, `There is no backend ${id}.`);
}
