/** A thread that does what the test's changes tell it to: the data plane cannot be made to fail at will. */
import type { FromWorker, ToWorker } from "../../../../core/plane/messages.ts";

declare const self: Worker;

let index = -1;
/** The worker whose connections do not end by themselves. */
let busy = -1;

function send(message: FromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's has none
  self.postMessage(message);
}

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case "init":
      index = message.index;
      if (message.config.host === "fails.invalid") return send({ type: "failed", reason: "no such host" });
      send({ type: "log", lines: `worker ${message.index} of ${message.workers} on ${message.port}\n` });
      for (const { name } of message.keys) send({ type: "log", lines: `worker ${index} takes ${name}\n` });
      return send({ type: "ready", port: message.port === 0 ? 4321 : message.port, adminPort: 0 });
    case "backend":
      if (message.backend?.clientId === "busy 1") busy = 1;
      if (message.backend?.clientId === `throw ${index}`) throw new Error("thrown on purpose");
      if (message.backend?.clientId === `fail ${index}`)
        return send({ type: "failed", reason: "failed on purpose" });
      return send({ type: "ack", seq: message.seq });
    case "settings":
      return send({ type: "ack", seq: message.seq });
    case "cache_purge":
      // One of them says nothing.
      return index === 1 ? undefined : send({ type: "cache_purged", seq: message.seq, entries: 5 });
    case "cache_question": {
      const report = { entries: 1, bytes: 2, largest: [], mostUsed: [] };
      return send({ type: "cache_report", seq: message.seq, report });
    }
    case "certificates":
    case "keys":
    case "sample":
    case "time":
      return;
    case "drain":
      // A connection that lasts.
      if (message.withinMs === Number.POSITIVE_INFINITY && index === busy) return;
      return send({ type: "drained", cut: 3 });
  }
});
