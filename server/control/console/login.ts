/** `/console/login` and `/console/logout`: a key for a cookie, and the end of that. */
import { rateKey } from "../../../core/table/rate-key.ts";
import type { RateTable } from "../../../core/table/rate-table.ts";
import type { Logger } from "../logging/logger.ts";
import { htmlPage, seeOther } from "./page.ts";
import { isSameOrigin } from "./same-origin.ts";
import { type Sessions, setCookie } from "./sessions.ts";

/** A form with one key in it is far smaller. */
const MAX_FORM_BYTES = 16_384;
/** Where the log-in page says what was wrong. */
const NOTICE_MARK = "<!-- notice -->";

export interface LoginDeps {
  readonly sessions: Sessions;
  readonly lifetimeMs: number;
  /** Where the workers count wrong keys too. */
  readonly failures: RateTable;
  readonly onFailure: () => void;
  readonly now: () => number;
  readonly log: Logger;
  /** The text of the log-in page. */
  readonly page: () => Promise<string>;
}

/** What is known of who asks. */
export interface Visitor {
  readonly peer: string;
  readonly secure: boolean;
}

/** Shows the log-in page, with a line that says why if there is something to say. */
export async function loginPage(
  deps: LoginDeps,
  notice = "",
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const page = await deps.page();
  // Texts of ours alone: nothing that was sent is ever shown here.
  const shown = notice === "" ? "" : `<p class="notice" role="alert">${notice}</p>`;
  return htmlPage(page.replace(NOTICE_MARK, shown), status, headers);
}

/** Takes the form of the log-in page. */
export async function logIn(deps: LoginDeps, request: Request, visitor: Visitor): Promise<Response> {
  if (!isSameOrigin(request.headers)) {
    return loginPage(deps, "Log in on this page: the form was sent from another one.", 403);
  }
  // Read first: between the look at past failures and the count of this one there must be no time for other guesses.
  const shown = await keyOf(request);
  const { hi, lo } = rateKey(visitor.peer);
  const waitMs = deps.failures.peek(hi, lo, deps.now());
  if (waitMs > 0) {
    const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
    const notice = `Too many wrong keys came from this address. Try again in ${seconds} seconds.`;
    return loginPage(deps, notice, 429, { "Retry-After": seconds });
  }
  const key = shown === null ? null : deps.sessions.keyOf(shown);
  if (key === null) {
    deps.failures.allow(hi, lo, deps.now());
    deps.onFailure();
    deps.log.warn("a log-in to the console was refused: the key is unknown", { client: visitor.peer });
    return loginPage(deps, "This key is not one of the configured keys.", 403);
  }
  if (!key.scopes.includes("admin") && !key.scopes.includes("read")) {
    return loginPage(deps, "This key may not see the console; that takes the scope read or admin.", 403);
  }
  deps.log.info("logged in to the console", { client: visitor.peer, key: key.name });
  const cookie = setCookie(deps.sessions.begin(key), { secure: visitor.secure, maxAgeMs: deps.lifetimeMs });
  return seeOther("/console", { "Set-Cookie": cookie });
}

/** Ends a log-in. */
export function logOut(deps: LoginDeps, request: Request, visitor: Visitor): Response {
  const session = deps.sessions.find(request.headers.get("Cookie"), false);
  if (session !== null) deps.sessions.end(session.id);
  return seeOther("/console", { "Set-Cookie": setCookie("", { secure: visitor.secure, maxAgeMs: 0 }) });
}

/** The key in the form; null when there is none. */
async function keyOf(request: Request): Promise<string | null> {
  const body = await request.arrayBuffer().catch(() => null);
  if (body === null || body.byteLength > MAX_FORM_BYTES) return null;
  const key = new URLSearchParams(new TextDecoder().decode(body)).get("key")?.trim() ?? "";
  return key === "" ? null : key;
}
