/** Entry of a data-plane thread: the first message tells it all it needs, later ones what has changed. */
import type { FromWorker, ToWorker } from "../../core/plane/messages.ts";
import { type DataPlane, startDataPlane } from "./data-plane.ts";

declare const self: Worker;

/** Messages that came while the listeners were opening. */
const early: ToWorker[] = [];
let plane: DataPlane | null = null;

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.type === "init") {
    void startDataPlane(message, post).then((started) => {
      plane = started;
      for (const waiting of early.splice(0)) plane?.apply(waiting);
    });
  } else if (plane === null) early.push(message);
  else plane.apply(message);
});

function post(message: FromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin, windows do
  self.postMessage(message);
}
