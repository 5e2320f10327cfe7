import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fitsSchema } from "../../core/schema/check.ts";
import { RegistrationSchema } from "../../core/wire/registration.ts";
import { ReportSchema } from "../../core/wire/report.ts";
import packageJson from "../../package.json" with { type: "json" };
import { record, string } from "../support/json.ts";

const MAIN = join(import.meta.dir, "../../client/main.ts");
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "opsen-agent-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Call {
  readonly line: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** A server that takes everything; calls come out in order. */
function server(answer: (path: string) => Response | Promise<Response>): {
  url: string;
  next: () => Promise<Call>;
} {
  const seen: Call[] = [];
  const waiting: ((call: Call) => void)[] = [];
  const running = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const text = await request.text();
      const line = `${request.method} ${pathname}`;
      const body: unknown = text === "" ? null : JSON.parse(text);
      const call = { line, headers: request.headers, body };
      const waiter = waiting.shift();
      if (waiter === undefined) seen.push(call);
      else waiter(call);
      return await answer(pathname);
    },
  });
  cleanups.push(() => running.stop(true));
  const next = (): Promise<Call> => {
    const call = seen.shift();
    return call !== undefined ? Promise.resolve(call) : new Promise((resolve) => waiting.push(resolve));
  };
  return { url: `http://127.0.0.1:${running.port}`, next };
}

function start(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  return child;
}

async function finish(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = start(cwd, args, env);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

/** Reads a stream up to and including a text; the rest stays unread. */
async function readUntil(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
  text: string,
): Promise<string> {
  const decoder = new TextDecoder();
  let seen = "";
  while (!seen.includes(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`"${text}" is not in: ${seen}`);
    seen += decoder.decode(value, { stream: true });
  }
  return seen;
}

function accept(path: string): Response {
  if (path === "/register") return Response.json({ status: "registered", agent_token: "secret-token" });
  return path === "/stats" ? Response.json({ status: "ok" }) : new Response(null, { status: 204 });
}

describe("command line", () => {
  test("names its version", async () => {
    const { code, stdout } = await finish(folder(), ["--version"]);
    expect([code, stdout]).toEqual([0, `opsen-client ${packageJson.version}\n`]);
  });

  test("an unknown flag is 2 with the usage", async () => {
    const { code, stderr } = await finish(folder(), ["-bogus"]);
    expect(code).toBe(2);
    expect(stderr).toContain("-bogus");
    expect(stderr).toContain("Usage: opsen-client");
  });

  test("checks a configuration: every error at once, with file and line", async () => {
    const directory = folder();
    writeFileSync(join(directory, "bad.yml"), "server_ur: http://x\nwindow_minutes: 0\n");
    const bad = await finish(directory, ["-check", "-config", "bad.yml"]);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain("bad.yml:1");
    expect(bad.stderr).toContain("bad.yml:2");
    expect((await finish(directory, ["-check"])).code).toBe(0);
    expect((await finish(directory, ["-config", "absent.yml"])).code).toBe(1);
  });
});

describe("a life", () => {
  test("registers, reports, says goodbye on SIGTERM, and comes back as the same after SIGKILL", async () => {
    const directory = folder();
    const { url, next } = server(accept);
    const config = [
      `server_url: ${url}/`,
      "server_key: the-key",
      "latitude: 1.5",
      "longitude: -2.5",
      "report_interval_seconds: 3600",
      "log_level: debug",
      "json_logging: true",
    ];
    writeFileSync(join(directory, "client.yml"), config.join("\n"));
    const first = start(directory, ["-config", "client.yml"]);
    const registration = await next();
    expect(registration.line).toBe("POST /register");
    expect(registration.headers.get("x-api-key")).toBe("the-key");
    expect(fitsSchema(RegistrationSchema, registration.body)).toBe(true);
    expect(registration.body).toMatchObject({
      local_ip: "127.0.0.1",
      latitude: 1.5,
      longitude: -2.5,
      endpoint_url: "http://127.0.0.1:11000",
    });
    const report = await next();
    expect(report.line).toBe("POST /stats");
    expect(report.headers.get("x-opsen-agent-token")).toBe("secret-token");
    expect(fitsSchema(ReportSchema, report.body)).toBe(true);
    expect(report.body).toHaveProperty("cpu_usage_avg");
    first.kill("SIGKILL");
    await first.exited;

    const second = start(directory, ["-config", "client.yml"]);
    const again = await next();
    const id = string(record(registration.body).client_id);
    expect(again.body).toMatchObject({ client_id: id });
    expect(again.headers.get("x-opsen-agent-token")).toBe("secret-token");
    expect((await next()).line).toBe("POST /stats");
    const reader = second.stdout.getReader();
    const before = await readUntil(reader, '"reported"');
    second.kill("SIGTERM");
    expect((await next()).line).toBe(`POST /clients/${id}/drain`);
    const farewell = await next();
    expect(farewell.line).toBe(`DELETE /clients/${id}`);
    expect(farewell.headers.get("x-opsen-agent-token")).toBe("secret-token");
    expect(farewell.headers.get("x-api-key")).toBe("the-key");
    expect(await second.exited).toBe(0);

    const output = `${before}${await readUntil(reader, "deregistered")}`;
    for (const line of output.trim().split("\n")) {
      const parsed: unknown = JSON.parse(line);
      expect(Object.keys(parsed ?? {}).toSorted()).toEqual([
        "component",
        "data",
        "level",
        "message",
        "timestamp",
      ]);
    }
    expect(output).not.toContain("secret-token");
    expect(output).not.toContain("the-key");
  });

  test("a second signal ends it at once", async () => {
    const { url, next } = server((path) =>
      path.startsWith("/clients/") ? new Promise<Response>(() => {}) : accept(path),
    );
    const child = start(folder(), ["-server", url]);
    expect((await next()).line).toBe("POST /register");
    expect((await next()).line).toBe("POST /stats");
    child.kill("SIGTERM");
    expect((await next()).line).toEndWith("/drain");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(1);
  });

  test("a wrong key ends it at once with 1 and a clear line", async () => {
    const directory = folder();
    const { url } = server(() => Response.json({ detail: "Invalid API key" }, { status: 403 }));
    const { code, stdout } = await finish(directory, ["-server", url]);
    expect(code).toBe(1);
    expect(stdout).toContain("FATAL");
    expect(stdout).toContain("Invalid API key");
    expect(stdout).toContain("server_key");
  });

  test("a disk that cannot be read holds the reports back, with an error", async () => {
    const { url, next } = server(accept);
    const child = start(folder(), ["-server", url, "-disk", "/does/not/exist"]);
    expect((await next()).line).toBe("POST /register");
    const output = await readUntil(child.stdout.getReader(), "held back");
    expect(output).toMatch(/ERROR.*reports are held back.*missing=disk/);
    child.kill("SIGTERM");
    // Nothing came in between: the server would have refused it.
    expect((await next()).line).toEndWith("/drain");
    expect((await next()).line).toStartWith("DELETE /clients/");
    expect(await child.exited).toBe(0);
  });

  test("flags win over the environment", async () => {
    const directory = folder();
    const { url, next } = server(accept);
    const env = { OPSEN_CLIENT_SERVER_URL: "http://127.0.0.1:1", OPSEN_CLIENT_CLIENT_ID: "from-env" };
    const child = start(directory, ["-server", url, "-id=from-flag"], env);
    expect((await next()).body).toMatchObject({ client_id: "from-flag" });
    child.kill("SIGINT");
    await child.exited;
    expect(child.exitCode).toBe(0);
  });
});
