import { expect, test } from "bun:test";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { call } from "../../support/raw-client.ts";
import { Cell } from "./cell.ts";

test("a request goes to the backend and its answer comes back", async () => {
  await using backend = await RawBackend.start({
    respond: (_request, wire) => answer(wire, 200, "hello", { "X-From": "backend" }),
  });
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port] });
  const got = await call({ port: cell.port }, "GET", "/a/b?c=d");
  expect(got.status).toBe(200);
  expect(got.text).toBe("hello");
  expect(got.header("X-From")).toBe("backend");
  expect(backend.requests[0]?.startLine).toBe("GET /a/b?c=d HTTP/1.1");
});
