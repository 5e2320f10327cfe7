import { afterAll, expect, test } from "bun:test";
import { startSampleBackend } from "../../tools/sample-backend.ts";

const backend = startSampleBackend({ name: "one", delayMs: 1, port: 0, hostname: "127.0.0.1" });
afterAll(() => backend.stop(true));

test("its answers say who gave them", async () => {
  expect(await (await fetch(`${backend.url}any/path`)).json()).toEqual({
    backend: "one",
    delay_ms: 1,
    path: "/any/path",
  });
  expect((await fetch(`${backend.url}health`)).status).toBe(200);
});

test("/echo gives back what it got", async () => {
  const response = await fetch(`${backend.url}echo?a=1`, {
    method: "PUT",
    body: "text",
    headers: { "X-A": "b" },
  });
  expect(await response.json()).toMatchObject({
    method: "PUT",
    target: "/echo?a=1",
    headers: { "x-a": "b" },
    body: "text",
  });
});

test("/events is a stream of events", async () => {
  const response = await fetch(`${backend.url}events`);
  expect(response.headers.get("Content-Type")).toBe("text/event-stream");
  const reader = response.body?.getReader();
  const chunk: unknown = (await reader?.read())?.value;
  const text = chunk instanceof Uint8Array ? new TextDecoder().decode(chunk) : "";
  expect(text).toMatch(/^id: 1\ndata: one at .*\n\n$/);
  await reader?.cancel();
});

test("/ws greets and echoes", async () => {
  const socket = new WebSocket(`${String(backend.url).replace("http", "ws")}ws`);
  const messages: unknown[] = [];
  const echoed = new Promise<void>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      messages.push(data);
      if (messages.length === 1) socket.send("ping");
      else resolve();
    });
  });
  await echoed;
  expect(messages).toEqual(["hello from one", "ping"]);
  socket.close();
});
