/** Puts the console between the workers and the management API. */
import { type ApiDeps, notRelayed, secretCheck } from "../api/index.ts";
import type { Log } from "../logging/logger.ts";
import type { ControlHandlers } from "../socket/control-server.ts";
import { Console, type ConsoleDeps, liveHandlers } from "./console.ts";
import type { PageData } from "./live.ts";
import { LogTail } from "./log-tail.ts";

/** The console and what answers in its place where it does not serve. */
export interface ConsoleParts {
  readonly console: Console;
  readonly handlers: ControlHandlers<PageData>;
}

/** Makes the console; its tail of the log begins here. */
export function composeConsole(
  log: Log,
  deps: ApiDeps,
  links: Omit<ConsoleDeps, "tail" | "log" | "deps">,
): ConsoleParts {
  const tail = new LogTail();
  log.onLines = (lines) => tail.push(lines);
  const console = new Console({ ...links, deps, tail, log: log.component("console") });
  const isRelayed = secretCheck(deps.secret);
  const fetch: ControlHandlers<PageData>["fetch"] = async (request, server) => {
    if (!console.serves(request)) return links.api(request);
    return isRelayed(request) ? console.answer(request, server) : notRelayed();
  };
  return { console, handlers: { fetch, websocket: liveHandlers(console.live) } };
}
