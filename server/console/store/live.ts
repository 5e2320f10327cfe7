/** Keeps the page up to date: by a WebSocket, and by asking again and again where that cannot be had. */
import type { ConsoleTopic, LiveMessage } from "../../../core/wire/console.ts";
import { loggedOut, request } from "../api.ts";
import { figures, growTrails, link, take } from "./state.ts";

const POLL_MS = 3_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;
/** The server speaks once a second; after so long without a word the connection counts as lost. */
const SILENCE_MS = 8_000;
/** So many failures in a row, and the page asks instead. */
const FAILURES_BEFORE_POLLING = 2;

const topics = new Map<ConsoleTopic, number>([["fleet", 1]]);
let socket: WebSocket | null = null;
let failures = 0;
let lastWordAt = 0;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Begins, and goes on until the page is closed. */
export function startLive(): void {
  connect();
  setInterval(growTrails, 1_000);
  setInterval(watchSilence, 2_000);
  setInterval(() => {
    if (link.get() !== "live" && failures >= FAILURES_BEFORE_POLLING && !document.hidden) void poll();
  }, POLL_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && socket === null) connect();
  });
}

/** Hears of a topic as well, until the returned function is called. */
export function listen(topic: ConsoleTopic): () => void {
  topics.set(topic, (topics.get(topic) ?? 0) + 1);
  sayTopics();
  return () => {
    const left = (topics.get(topic) ?? 1) - 1;
    if (left > 0) topics.set(topic, left);
    else topics.delete(topic);
    sayTopics();
  };
}

function connect(): void {
  clearTimeout(retry);
  if (socket !== null || loggedOut.get()) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opening = new WebSocket(`${scheme}://${location.host}/console/live`);
  socket = opening;
  opening.addEventListener("open", () => {
    lastWordAt = Date.now();
    sayTopics();
  });
  opening.addEventListener("message", (event: MessageEvent<unknown>) => {
    lastWordAt = Date.now();
    failures = 0;
    link.set("live");
    if (typeof event.data !== "string") return;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the server writes
    take(JSON.parse(event.data) as LiveMessage);
  });
  opening.addEventListener("close", () => {
    if (socket === opening) lost();
  });
}

function lost(): void {
  socket = null;
  failures++;
  if (link.get() === "live" || link.get() === "connecting") link.set("connecting");
  const pause = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.75 + Math.random() / 2);
  retry = setTimeout(connect, pause);
  if (failures >= FAILURES_BEFORE_POLLING) void poll();
}

function watchSilence(): void {
  if (socket?.readyState !== WebSocket.OPEN || Date.now() - lastWordAt < SILENCE_MS) return;
  const silent = socket;
  lost();
  silent.close();
}

function sayTopics(): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ watch: [...topics.keys()] }));
}

async function poll(): Promise<void> {
  try {
    const since = figures.get().at(-1)?.at ?? 0;
    take((await request<LiveMessage>(`/console/news?since=${since}`)).value);
    if (link.get() !== "live") link.set("polling");
  } catch {
    if (link.get() !== "live") link.set("offline");
  }
}
