/** `migrate` against a server that answers as the management API does. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  listMigrations,
  reportMigration,
  startMigration,
  steerMigration,
} from "../../../server/cli/migrate.ts";
import { type Ran, runCommand } from "../../support/command.ts";
import { record } from "../../support/json.ts";

const MIGRATION = {
  id: 7,
  from: "blue",
  to: "green",
  status: "running",
  reason: null,
  share_percent: 5,
  stage: 2,
  stages: [1, 5, 25, 50, 100],
  created_at: "2026-03-03T10:00:00.000Z",
  created_by: "127.0.0.1",
};
const REPORT = "# Migration 7: blue → green\n\n- Status: **running**\n";

const asked: { readonly call: string; readonly body: unknown }[] = [];
let hasMigrations = true;

const api = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return Response.json({ status: "ok", total_clients: 0 });
    const text = await request.text();
    asked.push({ call: `${request.method} ${pathname}`, body: text === "" ? null : JSON.parse(text) });
    if (!hasMigrations) return new Response("no backend takes it", { status: 503 });
    if (pathname === "/migrations/7/report") {
      return new Response(REPORT, { headers: { "Content-Type": "text/markdown" } });
    }
    if (pathname.startsWith("/migrations/8")) {
      return Response.json(
        { title: "Not Found", status: 404, detail: "There is no migration 8." },
        { status: 404 },
      );
    }
    if (pathname === "/migrations" && request.method === "GET")
      return Response.json({ migrations: [MIGRATION] });
    return Response.json(MIGRATION, { status: pathname === "/migrations" ? 201 : 200 });
  },
});

beforeEach(() => {
  asked.length = 0;
  hasMigrations = true;
});
afterAll(() => api.stop(true));

function run(command: Parameters<typeof runCommand>[0], ...words: string[]): Promise<Ran> {
  return runCommand(command, ["migrate", ...words], { OPSEN_SERVER: `http://127.0.0.1:${api.port}` });
}

test("start sends what was given and nothing else", async () => {
  const words = ["start", "--from", "blue", "--to", "green"];
  expect(await run(startMigration, ...words)).toMatchObject({ code: 0, out: "started 7\n" });
  expect(asked[0]).toEqual({ call: "POST /migrations", body: { from: "blue", to: "green" } });
  const options = [
    "--stages",
    "10,100",
    "--hold",
    "30",
    "--max-error-rate-delta",
    "0.5",
    "--sessions",
    "move",
    "--paused",
  ];
  await run(startMigration, ...words, ...options);
  expect(asked[1]?.body).toEqual({
    from: "blue",
    to: "green",
    stages: [10, 100],
    hold_seconds: 30,
    max_error_rate_delta_percent: 0.5,
    sessions: "move",
    paused: true,
  });
  expect((await run(startMigration, "start", "--from", "blue")).code).toBe(2);
  expect((await run(startMigration, ...words, "--stages", "10,101")).code).toBe(2);
});

test("list is a table, or the server's JSON", async () => {
  const { out } = await run(listMigrations, "list");
  expect(out).toMatch(/^ID +FROM +TO +STATUS +SHARE +STAGE +BEGUN +BY$/m);
  expect(out).toMatch(/^ 7 +blue +green +running +5% +2 of 5 +2026-03-03T10:00:00.000Z +127\.0\.0\.1$/m);
  expect(record(JSON.parse((await run(listMigrations, "list", "--json")).out))).toEqual({
    migrations: [MIGRATION],
  });
});

test.each(["pause", "resume", "advance", "abort", "release"])(
  "%s is the call of its name",
  async (action) => {
    const { code, out } = await run(steerMigration, action, "7");
    expect(code).toBe(0);
    expect(out).toEndWith(" 7: running, 5% on the new group\n");
    expect(asked).toEqual([{ call: `POST /migrations/7/${action}`, body: null }]);
  },
);

test("report is the server's text, or the migration as JSON", async () => {
  expect(await run(reportMigration, "report", "7")).toMatchObject({ code: 0, out: REPORT });
  expect(record(JSON.parse((await run(reportMigration, "report", "7", "--json")).out))).toEqual(MIGRATION);
  expect(await run(reportMigration, "report", "8")).toMatchObject({
    code: 1,
    err: "the server refused: There is no migration 8.\n",
  });
});

test("a server without migrations is said to be too old", async () => {
  hasMigrations = false;
  const { code, err } = await run(listMigrations, "list");
  expect(code).toBe(1);
  expect(err).toContain("older than this program");
});
