/**
 * A small backend to try Opsen with: `bun tools/sample-backend.ts <name> <delay in ms> [port] [host]`. Its answers
 * say who gave them. Also what the containers of docker-compose.yml run.
 */
import type { Server, ServerWebSocket } from "bun";

export interface SampleBackend {
  readonly name: string;
  /** How long it takes to answer anything, in milliseconds; `?delay_ms=` of a request comes on top. */
  readonly delayMs: number;
  readonly port: number;
  readonly hostname: string;
}

const MAX_EXTRA_DELAY_MS = 60_000;
const EVENTS = 6;
const EVENT_INTERVAL_MS = 500;

/** Starts the backend; port 0 takes a free one. */
export function startSampleBackend(backend: SampleBackend): Server<undefined> {
  return Bun.serve({
    port: backend.port,
    hostname: backend.hostname,
    development: false,
    idleTimeout: 120,
    websocket: {
      open: (socket: ServerWebSocket) => void socket.send(`hello from ${backend.name}`),
      message: (socket: ServerWebSocket, message) => void socket.send(message),
    },
    fetch: async (request, server) => {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/ws") {
        return server.upgrade(request)
          ? undefined
          : new Response("a WebSocket lives here\n", { status: 426 });
      }
      await Bun.sleep(backend.delayMs + extraDelay(searchParams.get("delay_ms")));
      if (pathname === "/health") return new Response("ok\n");
      if (pathname === "/events") return events(backend.name);
      if (pathname === "/echo") return echo(backend.name, request);
      return Response.json({ backend: backend.name, delay_ms: backend.delayMs, path: pathname });
    },
  });
}

async function echo(name: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  return Response.json({
    backend: name,
    method: request.method,
    target: pathname + search,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  });
}

/** Answers with server-sent events, one at a time. */
function events(name: string): Response {
  async function* stream(): AsyncGenerator<string> {
    for (let id = 1; id <= EVENTS; id++) {
      yield `id: ${id}\ndata: ${name} at ${new Date().toISOString()}\n\n`;
      await Bun.sleep(EVENT_INTERVAL_MS);
    }
  }
  return new Response(stream(), {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" },
  });
}

function extraDelay(text: string | null): number {
  const delay = Number(text ?? 0);
  return Number.isFinite(delay) ? Math.min(Math.max(delay, 0), MAX_EXTRA_DELAY_MS) : 0;
}

if (import.meta.main) {
  const [name = "sample", delay = "0", port = "0", hostname = "127.0.0.1"] = process.argv.slice(2);
  const server = startSampleBackend({ name, delayMs: Number(delay), port: Number(port), hostname });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
  console.log(`listening on http://${hostname}:${server.port}`);
}
