/** Serves the management API to the workers, on a unix socket that nobody else can open. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server, WebSocketHandler } from "bun";
import { messageOf } from "../../../core/log/message-of.ts";
import { StartError } from "../startup/start-error.ts";
import { SOCKET_DIRECTORY_PREFIX, SOCKET_NAME } from "./abandoned-sockets.ts";

/** Workers let no larger body through; this one must not be met first. */
const BODY_SLACK_BYTES = 65_536;

/**
 * The default cuts answers and idle connections after some ten seconds, also on a unix socket, where
 * `server.timeout(request, 0)` does not lift it and the types know no such key. Workers have time limits of their own.
 */
const NO_IDLE_LIMIT: object = { idleTimeout: 0 };

export interface ControlServer {
  /** Path of the socket, in a directory of its own that only this user can enter. */
  readonly socket: string;
  stop(): void;
}

/** What serves: the API, and what comes over WebSockets of the console. */
export interface ControlHandlers<Data> {
  /** Undefined when the connection has become a WebSocket. */
  readonly fetch: (request: Request, server: Server<Data>) => Promise<Response | undefined>;
  readonly websocket: WebSocketHandler<Data>;
}

/** Starts serving; `fetch` sees relayed requests alone. */
export function serveControl<Data>(
  { fetch, websocket }: ControlHandlers<Data>,
  maxBodyBytes: number,
): ControlServer {
  const directory = makeDirectory();
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  // Also when the process ends without an orderly stop.
  process.once("exit", removeDirectory);
  const socket = join(directory, SOCKET_NAME);
  const undo = (): void => {
    process.off("exit", removeDirectory);
    removeDirectory();
  };
  try {
    const server = Bun.serve<Data>({
      unix: socket,
      // The default would answer errors with source code.
      development: false,
      maxRequestBodySize: maxBodyBytes + BODY_SLACK_BYTES,
      ...NO_IDLE_LIMIT,
      fetch,
      websocket,
    });
    const stop = (): void => {
      void server.stop(true);
      undo();
    };
    return { socket, stop };
  } catch (error) {
    undo();
    throw new StartError(`cannot listen on ${socket}: ${messageOf(error)}; ${ADVICE}`, { cause: error });
  }
}

const ADVICE = "set TMPDIR to a writable directory with a short path";

function makeDirectory(): string {
  try {
    // mkdtemp makes the directory with mode 0700.
    return mkdtempSync(join(tmpdir(), SOCKET_DIRECTORY_PREFIX));
  } catch (error) {
    throw new StartError(`cannot make a directory in ${tmpdir()}: ${messageOf(error)}; ${ADVICE}`, {
      cause: error,
    });
  }
}
