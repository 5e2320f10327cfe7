/** The web console: pages, log-ins, the API for its scripts, and the live connection. */
import type { Server } from "bun";
import { type ApiKey, isMetricsOnly } from "../../../core/plane/api-key.ts";
import {
  CONSOLE_LIVE_PATH,
  CONSOLE_LOGIN_PATH,
  CONSOLE_PATH,
  isConsolePath,
} from "../../../core/plane/console-paths.ts";
import type { Decision } from "../../../core/wire/console.ts";
import { json, problem } from "../api/answers.ts";
import { fleetView } from "../api/fleet-view.ts";
import { ADMIN_HEADER, type ApiDeps, PEER_HEADER, pathOf, queryOf, targetOf } from "../api/index.ts";
import type { Logger } from "../logging/logger.ts";
import { Assets } from "./assets.ts";
import { Figures } from "./figures.ts";
import { keyInfos } from "./key-infos.ts";
import { Live, type Page, type PageData } from "./live.ts";
import { liveView } from "./live-view.ts";
import type { LogTail } from "./log-tail.ts";
import { type LoginDeps, logIn, loginPage, logOut, type Visitor } from "./login.ts";
import { htmlPage, seeOther } from "./page.ts";
import { API_PREFIX, relayCall } from "./relay.ts";
import { isOwnCall, isSameOrigin } from "./same-origin.ts";
import { type Session, Sessions } from "./sessions.ts";

const PROTO_HEADER = "X-Opsen-Proto";

export interface ConsoleDeps {
  /** What the API is made of; its configuration changes. */
  readonly deps: ApiDeps;
  readonly api: (request: Request) => Promise<Response>;
  /** Keys that are accepted now. */
  readonly keys: () => readonly ApiKey[];
  /** Has the workers tell of so many decisions in a second each. */
  readonly sample: (perSecond: number) => void;
  readonly tail: LogTail;
  readonly log: Logger;
}

/** Of management without a key: whoever may ask at all may do everything. */
const KEYLESS: Session = { id: "", name: "", scopes: ["admin"], endsAtMs: Infinity };

/** Answers below `/console`. Requests have passed a worker's guards, which ask for no key there. */
export class Console {
  readonly #deps: ApiDeps;
  readonly #api: ConsoleDeps["api"];
  readonly #keys: ConsoleDeps["keys"];
  readonly #assets = new Assets();
  readonly #figures: Figures;
  readonly #sessions: Sessions;
  readonly #login: LoginDeps;
  readonly live: Live;

  constructor({ deps, api, keys, sample, tail, log }: ConsoleDeps) {
    this.#deps = deps;
    this.#api = api;
    this.#keys = keys;
    const { config, tables, now, wallOf } = deps;
    const lifetimeMs = config.console_session_hours * 3_600_000;
    const idleMs = config.console_idle_minutes * 60_000;
    this.#figures = new Figures(tables, () => wallOf(now()));
    this.#sessions = new Sessions({ lifetimeMs, idleMs, keys, now });
    this.#login = {
      sessions: this.#sessions,
      lifetimeMs,
      failures: tables.authFailures,
      onFailure: () => tables.counters.inc(tables.worker, "auth_failures"),
      now,
      log,
      page: () => this.#assets.page("login.html"),
    };
    this.live = new Live({ figures: this.#figures, log: tail, fleet: () => this.#fleet(), sample });
  }

  #fleet() {
    const nowMs = this.#deps.now();
    return this.#deps.registry
      .list(nowMs)
      .map((state) => ({ id: state.clientId, entry: liveView(fleetView(this.#deps, state, nowMs)) }));
  }

  /** Whether a request is for the console. */
  serves(request: Request): boolean {
    return this.#deps.config.console && isConsolePath(pathOf(request.url));
  }

  /** Answers; undefined when the connection has become a live one. */
  async answer(request: Request, server: Server<PageData>): Promise<Response | undefined> {
    const path = pathOf(request.url);
    if (path.startsWith(`${API_PREFIX}/`)) return this.#call(request);
    if (path === CONSOLE_LIVE_PATH) return this.#openLive(request, server);
    if (path === CONSOLE_LOGIN_PATH || path === "/console/logout") return this.#logInOrOut(request, path);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return problem(405, `${request.method} is not allowed here.`, { headers: { Allow: "GET, HEAD" } });
    }
    if (path === CONSOLE_PATH) return this.#page(request);
    if (path === "/console/") return seeOther(CONSOLE_PATH);
    if (path === "/console/session") return this.#session(request);
    if (path === "/console/schema") return this.#forVisitors(request, () => keyInfos());
    if (path === "/console/news") {
      return this.#forVisitors(request, () => this.live.snapshot(Number(queryOf(request).get("since") ?? 0)));
    }
    const asset = await this.#assets.serve(path.slice("/console/".length), request.headers);
    return asset ?? problem(404, "The console has no such file; it begins at /console.");
  }

  decided(decisions: readonly Decision[]): void {
    this.live.decided(decisions);
  }

  stop(): void {
    this.live.stop();
    this.#figures.stop();
  }

  async #page(request: Request): Promise<Response> {
    if (this.#sessionOf(request, true) === null) return loginPage(this.#login);
    return htmlPage(await this.#assets.page("console.html"));
  }

  async #logInOrOut(request: Request, path: string): Promise<Response> {
    if (request.method !== "POST") return seeOther(CONSOLE_PATH);
    const { headers } = request;
    const visitor: Visitor = { peer: peerOf(request), secure: headers.get(PROTO_HEADER) === "https" };
    if (path === CONSOLE_LOGIN_PATH) return logIn(this.#login, request, visitor);
    if (!isSameOrigin(headers)) return problem(403, "Only the console's own pages may log out.");
    return logOut(this.#login, request, visitor);
  }

  /** Tells the scripts who has logged in; asking says that somebody is there. */
  #session(request: Request): Response {
    if (!isOwnCall(request.headers)) return problem(403, "Only the console's own pages may call here.");
    const session = this.#sessionOf(request, true);
    if (session === null) return unauthorized();
    const { wallOf, version } = this.#deps;
    return json({
      name: session.name,
      scopes: session.scopes,
      keyless: session === KEYLESS,
      version,
      ends_at: session === KEYLESS ? null : new Date(wallOf(session.endsAtMs)).toISOString(),
    });
  }

  #forVisitors(request: Request, answer: () => unknown): Response {
    if (!isOwnCall(request.headers)) return problem(403, "Only the console's own pages may call here.");
    return this.#sessionOf(request, false) === null ? unauthorized() : json(answer());
  }

  async #call(request: Request): Promise<Response> {
    const session = this.#sessionOf(request, false);
    if (session === null) return unauthorized();
    const target = targetOf(request.url).slice(API_PREFIX.length);
    const { secret } = this.#deps;
    return relayCall({ secret, api: this.#api }, request, { target, session, peer: peerOf(request) });
  }

  #openLive(request: Request, server: Server<PageData>): Response | undefined {
    // RFC 6455 section 10.2: a browser says whose page opens a WebSocket, and lets any page do so.
    if (!isSameOrigin(request.headers)) return problem(403, "Only the console's own pages may listen here.");
    const session = this.#sessionOf(request, false);
    if (session === null) return unauthorized();
    if (this.live.isFull) return problem(503, "Too many pages listen already.");
    const standing = (): Session | null => {
      if (session !== KEYLESS) return this.#sessions.get(session.id, false);
      return this.#keys().every(isMetricsOnly) ? KEYLESS : null;
    };
    const data = this.live.newPage({
      isAllowed: () => standing() !== null,
      seesLog: () => standing()?.scopes.includes("admin") === true,
    });
    if (server.upgrade(request, { data })) return undefined;
    return problem(426, "A WebSocket is to be had here.", { headers: { Upgrade: "websocket" } });
  }

  #sessionOf(request: Request, touches: boolean): Session | null {
    // The worker says so where no key is configured; it has then made sure that this host asks.
    if (request.headers.get(ADMIN_HEADER) !== null) return KEYLESS;
    return this.#sessions.find(request.headers.get("Cookie"), touches);
  }
}

/** What Bun.serve calls for live connections. */
export function liveHandlers(live: Live) {
  return {
    maxPayloadLength: 4096,
    // One message a second keeps it alive; a page that is gone is noticed by its pings.
    idleTimeout: 60,
    sendPings: true,
    perMessageDeflate: false,
    open: (page: Page) => live.open(page),
    message: (page: Page, message: string | Buffer) => live.wish(page, message),
    close: (page: Page) => live.close(page),
  };
}

function unauthorized(): Response {
  return problem(401, "Log in at /console: the log-in has ended, or there was none.");
}

function peerOf(request: Request): string {
  return request.headers.get(PEER_HEADER) ?? "";
}
