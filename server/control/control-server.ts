/** Serves the management API to the workers, on a unix socket that nobody else can open. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Workers let no larger body through; this one must not be met first. */
const BODY_SLACK_BYTES = 65_536;

export interface ControlServer {
  /** Path of the socket, in a directory of its own that only this user can enter. */
  readonly socket: string;
  stop(): void;
}

/** Starts serving; `fetch` sees relayed requests alone. */
export function serveControl(
  fetch: (request: Request) => Response | Promise<Response>,
  maxBodyBytes: number,
): ControlServer {
  // mkdtemp makes the directory with mode 0700.
  const directory = mkdtempSync(join(tmpdir(), "opsen-"));
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    const socket = join(directory, "control.sock");
    const server = Bun.serve({
      unix: socket,
      // The default would answer errors with source code.
      development: false,
      maxRequestBodySize: maxBodyBytes + BODY_SLACK_BYTES,
      fetch(request, self) {
        // The default would cut answers and idle connections after ten seconds; workers have time limits of their own.
        self.timeout(request, 0);
        return fetch(request);
      },
    });
    return {
      socket,
      stop() {
        void server.stop(true);
        removeDirectory();
      },
    };
  } catch (error) {
    removeDirectory();
    throw error;
  }
}
