/** Entry of a data-plane thread: the first message tells it all it needs, later ones what has changed. */
import { followClock } from "../../core/host/steady-clock.ts";
import type { FromWorker, ToWorker, WorkerInit } from "../../core/plane/messages.ts";
import { type DataPlane, startDataPlane } from "./data-plane.ts";

declare const self: Worker;

/** Messages that came while the listeners were opening. */
const early: ToWorker[] = [];
let plane: DataPlane | null = null;
let onTime: (nowMs: number) => void = () => {};

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.type === "init") void start(message);
  else if (message.type === "time") onTime(message.nowMs);
  else if (plane === null) early.push(message);
  else plane.apply(message);
});

async function start(init: WorkerInit): Promise<void> {
  const now = await followClock(askTime, () => performance.now());
  plane = await startDataPlane(init, post, now);
  for (const waiting of early.splice(0)) plane?.apply(waiting);
}

function askTime(): Promise<number> {
  return new Promise((resolve) => {
    onTime = resolve;
    post({ type: "time" });
  });
}

function post(message: FromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- workers have no origin, windows do
  self.postMessage(message);
}
