/** `/console/api/…`: the management API for those who have logged in, with what their key may do. */
import { scopesFor } from "../../../core/plane/api-key.ts";
import { problem } from "../api/answers.ts";
import { ACTOR_HEADER, ADMIN_HEADER, PEER_HEADER, SECRET_HEADER } from "../api/index.ts";
import { isOwnCall } from "./same-origin.ts";
import type { Session } from "./sessions.ts";

export const API_PREFIX = "/console/api";

/** What of a call goes on to the operation. */
const PASSED_HEADERS = ["Content-Type", "If-Match", "If-None-Match", "Accept"] as const;

export interface RelayDeps {
  readonly secret: string;
  readonly api: (request: Request) => Promise<Response>;
}

/** Has the API answer a call of the console's scripts; `target` is its path and query there. */
export async function relayCall(
  { secret, api }: RelayDeps,
  request: Request,
  { target, session, peer }: { readonly target: string; readonly session: Session; readonly peer: string },
): Promise<Response> {
  if (!isOwnCall(request.headers)) return problem(403, "Only the console's own pages may call here.");
  const url = `http://opsen.internal${target}`;
  const path = servedPath(url);
  if (path === null) return problem(400, "The path is not one of this server's.");
  const isAdmin = session.scopes.includes("admin");
  const enough = scopesFor(request.method, path);
  if (!isAdmin && !enough.some((scope) => session.scopes.includes(scope))) {
    const needed = [...enough, "admin"].join(" or ");
    return problem(
      403,
      `You have logged in with a key of the scopes ${session.scopes.join(", ")}; this takes ${needed}.`,
    );
  }
  const headers = new Headers({ [SECRET_HEADER]: secret, [PEER_HEADER]: peer });
  for (const name of PASSED_HEADERS) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (session.name !== "") headers.set(ACTOR_HEADER, session.name);
  if (isAdmin) headers.set(ADMIN_HEADER, "1");
  const { method } = request;
  const body = method === "GET" || method === "HEAD" ? null : request.body;
  return api(new Request(url, body === null ? { method, headers } : { method, headers, body }));
}

/** The path as the API will see it, which what is sent may spell otherwise; null when it cannot be decoded. */
function servedPath(url: string): string | null {
  try {
    return decodeURIComponent(new URL(url).pathname);
  } catch {
    return null;
  }
}
