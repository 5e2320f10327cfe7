/**
 * The management API. Requests come from the workers, over a unix socket, after every guard; this is routing,
 * schemas and answers. Elysia routes; what it would do beside that (parse, validate, describe errors) is done here,
 * because errors must name every field at once and bodies be read whatever their content type.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Elysia } from "elysia";
import { metricsOperations } from "../metrics/operations.ts";
import { tokenOf } from "./agent-token.ts";
import { agentOperations } from "./agents.ts";
import { problem } from "./answers.ts";
import { backendOperations } from "./backends.ts";
import { cacheOperations } from "./cache.ts";
import { DATA_PLANE_OPERATIONS } from "./data-plane.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";
import { drainingOperations } from "./draining.ts";
import { explainOperations } from "./explain.ts";
import { fleetOperations } from "./fleet.ts";
import { migrationOperations } from "./migrations.ts";
import { allowedMethods } from "./routes.ts";
import { settingsOperations } from "./settings.ts";
import { statusOperations } from "./status.ts";
import { swaggerOperations } from "./swagger/operations.ts";

export type { ApiDeps } from "./deps.ts";

/** Proves that a request passed a worker's guards. */
export const SECRET_HEADER = "X-Opsen-Secret";
/** Address of the client, as the worker saw it. */
export const PEER_HEADER = "X-Opsen-Peer";
/** Name of the key that the caller has shown. */
export const ACTOR_HEADER = "X-Opsen-Actor";
/** Present when the caller's key may manage any backend. */
export const ADMIN_HEADER = "X-Opsen-Admin";
/** Present on open paths when the caller may see backends. */
const READER_HEADER = "X-Opsen-Reader";

export interface Api {
  readonly fetch: (request: Request) => Promise<Response>;
}

/** Makes the question whether a request comes from a worker. */
export function secretCheck(secret: string): (request: Request) => boolean {
  const secretHash = sha256(secret);
  return (request) => {
    const shown = request.headers.get(SECRET_HEADER);
    return shown !== null && timingSafeEqual(sha256(shown), secretHash);
  };
}

/** Refuses what has not come through a worker. */
export function notRelayed(): Response {
  return problem(403, "Management is reached through the server's own port only.");
}

/** Makes the API; it holds no state of its own. */
export function createApi(deps: ApiDeps): Api {
  const documented = [
    ...agentOperations(deps),
    ...DATA_PLANE_OPERATIONS,
    ...explainOperations(deps),
    ...backendOperations(deps),
    ...drainingOperations(deps),
    ...migrationOperations(deps),
    ...fleetOperations(deps),
    ...settingsOperations(deps),
    ...statusOperations(deps),
    ...metricsOperations(deps),
    ...cacheOperations(deps),
  ];
  const operations = [...documented, ...swaggerOperations(documented, deps.version)];
  const app = router(operations, deps);
  const isRelayed = secretCheck(deps.secret);

  return {
    fetch: async (request) => {
      if (!isRelayed(request)) return notRelayed();
      try {
        return await app.handle(normalised(request));
      } catch (error) {
        return failed(deps, request, error);
      }
    },
  };
}

function router(
  operations: readonly Operation[],
  deps: ApiDeps,
): { handle: (request: Request) => Promise<Response> } {
  const app = new Elysia({ normalize: false, strictPath: true });
  // Before the routes: a hook counts for those that follow it.
  app.onError(({ code, error, request }) =>
    code === "NOT_FOUND" ? unmatched(operations, request) : failed(deps, request, error),
  );
  for (const { methods, path, handle } of operations) {
    if (handle === undefined) continue;
    const answer = ({ request, params }: Pick<Call, "request" | "params">): Response | Promise<Response> =>
      handle({
        request,
        params,
        query: queryOf(request),
        peer: request.headers.get(PEER_HEADER) ?? "",
        actor: request.headers.get(ACTOR_HEADER) || "local",
        caller: { token: tokenOf(request), isAdmin: request.headers.get(ADMIN_HEADER) !== null },
        isReader: request.headers.get(READER_HEADER) !== null,
      });
    // "none": bodies are left to the operation, which knows what to say of a bad one.
    if (methods === "any") app.all(path, answer, { parse: "none" });
    else for (const method of methods) app.route(method, path, answer, { parse: "none" });
  }
  return { handle: async (request) => app.handle(request) };
}

/** A mistake of ours: the caller learns no more than that, the log everything. */
function failed(deps: ApiDeps, request: Request, error: unknown): Response {
  deps.log.error("a management call failed", {
    method: request.method,
    path: pathOf(request.url),
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return problem(500, "The call failed; the server's log says why.");
}

/** No operation has both this path and this method: 405 or, for the curious, 204 tell the methods that it has. */
function unmatched(operations: readonly Operation[], request: Request): Response {
  const path = pathOf(request.url);
  const methods = allowedMethods(operations, path);
  if (methods.length === 0)
    return problem(404, "There is no such management call; see /swagger for those there are.");
  const headers = { Allow: methods.join(", ") };
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
  return problem(405, `${request.method} is not allowed here; allowed: ${methods.join(", ")}.`, { headers });
}

/**
 * The request with an authority of ours, so that a client's Host header has no part in routing, and with GET for
 * HEAD: Bun.serve leaves the body of the answer away.
 */
function normalised(request: Request): Request {
  const url = `http://opsen.internal${targetOf(request.url)}`;
  const { headers } = request;
  const method = request.method === "HEAD" ? "GET" : request.method;
  const hasBody = request.body !== null && method !== "GET";
  return new Request(url, hasBody ? { method, headers, body: request.body } : { method, headers });
}

/** Path and query of a URL; Bun gives the bare path when the Host header was unusable. */
export function targetOf(url: string): string {
  if (url.startsWith("/")) return url;
  const start = url.indexOf("/", url.indexOf("://") + 3);
  return start < 0 ? "/" : url.slice(start);
}

/** Path of a URL, as it was sent. */
export function pathOf(url: string): string {
  return targetOf(url).split("?", 1)[0] ?? "/";
}

export function queryOf(request: Request): URLSearchParams {
  const { url } = request;
  const start = url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : url.slice(start + 1));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
