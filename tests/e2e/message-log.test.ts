/** Whole messages in the log, and the secrets that are not in it. */
import { expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { eventually } from "../support/eventually.ts";
import { header } from "../support/http-message.ts";
import { type Json, record, string } from "../support/json.ts";
import { answer } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";

function messages(server: TestServer, start: string): Json[] {
  return server.logs().filter(({ component, message }) => {
    return component === "message" && string(message).startsWith(start);
  });
}

test("heads and bodies are written without secrets, under the id that the backend and the access line have", async () => {
  await using server = await TestServer.start({
    config: {
      log_messages: true,
      log_redact_headers: ["X-Mine"],
      log_redact_fields: ["pin"],
      compression_enabled: true,
      server_key: "sesame-key-sesame-key-sesame-key",
    },
  });
  await using behind = await Behind.start(
    server,
    {
      respond: (_, wire) =>
        answer(
          wire,
          201,
          JSON.stringify({ pin: "sesame", deep: [{ PIN: ["sesame"] }], shown: "x".repeat(2000) }),
          {
            "Content-Type": "application/json",
            "Set-Cookie": "s=sesame",
            Location: "/next?pin=sesame",
          },
        ),
    },
    { key: "sesame-key-sesame-key-sesame-key" },
  );
  await server.call("POST", "/path?pin=sesame&q=1", {
    json: { pin: "sesame", user: "me" },
    headers: {
      Authorization: "Bearer sesame",
      Cookie: "c=sesame",
      "X-API-Key": "sesame",
      "X-Mine": "sesame",
      "X-Other": "seen",
      "Accept-Encoding": "gzip",
    },
  });
  const told = behind.backend.requests.at(-1);
  const id = told === undefined ? null : header(told, "x-request-id");
  await server.log(
    "the access line",
    (entry) => entry.component === "access" && record(entry.data).id === id,
  );
  const [request] = messages(server, "request POST");
  const [response] = messages(server, "response");
  expect(request?.message).toBe("request POST /path?pin=***&q=1");
  const asked = record(request?.data);
  expect(asked.id).toBe(id);
  expect(asked.body).toBe('{"pin":"***","user":"me"}');
  expect(record(asked.headers)).toMatchObject({
    authorization: "***",
    cookie: "***",
    "x-api-key": "***",
    "x-mine": "***",
    "x-other": "seen",
  });
  const answered = record(response?.data);
  expect(response?.message).toBe("response 201");
  expect([answered.id, answered.backend]).toEqual([id, behind.agent.id]);
  expect(answered.body).toBe(JSON.stringify({ pin: "***", deep: [{ PIN: "***" }], shown: "x".repeat(2000) }));
  expect(record(answered.headers)).toMatchObject({ "set-cookie": "***", location: "/next?pin=***" });
  expect(server.child.output).not.toContain("sesame");
});

test("bodies are bounded, what is no text is a size, and an answer of ours is there too", async () => {
  await using server = await TestServer.start({
    config: { workers: 1, log_messages: true, log_message_bytes: 10 },
  });
  await using behind = await Behind.start(server, {
    respond: (_, wire) => answer(wire, 200, Buffer.alloc(100_000, 1), { "Content-Type": "image/png" }),
  });
  await server.call("POST", "/a", { body: "0123456789abcdef", headers: { "Content-Type": "text/plain" } });
  await server.call("GET", "/b?tier=none");
  await eventually("the lines", () => messages(server, "response").length === 2);
  expect(record(messages(server, "request POST")[0]?.data)).toMatchObject({ bytes: 16, body: "0123456789" });
  const [image, refused] = messages(server, "response").map(({ data }) => record(data));
  expect([image?.bytes, image?.body]).toEqual([100_000, undefined]);
  expect(record(refused?.headers)["x-opsen-error"]).toBe("unknown_tier");
  expect(behind.backend.requests).toHaveLength(1);
  expect(String(refused?.body)).toStartWith("The reques");
});

test("off, which is the default, no message is written", async () => {
  await using server = await TestServer.start({ config: { log_level: "debug" } });
  await using behind = await Behind.start(server);
  await server.call("GET", "/x");
  await server.log("the access line", ({ message }) => message === "GET /x 200");
  expect(behind.backend.requests).toHaveLength(1);
  expect(server.child.output).not.toContain('"component":"message"');
});
