/** The socket on which workers reach the management API. */
import { expect, test } from "bun:test";
import { serveControl } from "../../../../server/control/socket/control-server.ts";

/** Longer than the runtime lets a connection be silent unless it is told otherwise: ten seconds, and a look every four. */
const LONG_MS = 13_000;

test("a call that takes long, such as one that waits for a backend to be idle, gets its answer", async () => {
  const server = serveControl(
    {
      fetch: async () => {
        await Bun.sleep(LONG_MS);
        return new Response("late");
      },
      websocket: { message: () => undefined },
    },
    1024,
  );
  try {
    const answer = await fetch("http://control/", { method: "POST", unix: server.socket });
    expect(await answer.text()).toBe("late");
  } finally {
    server.stop();
  }
}, 30_000);
