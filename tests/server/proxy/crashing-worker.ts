/** A worker of the data plane that dies of a mistake when it hears of the backend "crash" and is the first. */
import type { ToWorker } from "../../../core/plane/messages.ts";

export * from "../../../server/proxy/worker.ts";

declare const self: Worker;

let index = -1;
self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.type === "init") index = message.index;
  if (message.type !== "backend" || message.backend?.clientId !== "crash" || index !== 0) return;
  setTimeout(() => {
    throw new Error("a mistake in a worker");
  });
});
