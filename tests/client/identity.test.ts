import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Identity } from "../../client/identity.ts";
import { markInUse } from "../../client/live-agent.ts";
import { openStateDir, stateDirCandidates } from "../../client/state-dir.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLogger } from "./fakes.ts";

const folders: string[] = [];

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "opsen-state-"));
  folders.push(path);
  return path;
}

function open(directory: string | null, clientId = "", endpoints: readonly string[] = []): Identity {
  return Identity.open({ directory, clientId, endpoints, log: recordingLogger().log });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("identity", () => {
  test("is made once, kept with its token, and readable by its owner only", () => {
    const directory = folder();
    const first = open(directory);
    expect(first.clientId).toMatch(UUID);
    first.setToken("token-1");
    const second = open(directory);
    expect(second.clientId).toBe(first.clientId);
    expect(second.token).toBe("token-1");
    expect(statSync(join(directory, "agent.json")).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["agent.json"]);
  });

  test("given by hand keeps its own token", () => {
    const directory = folder();
    const made = open(directory);
    const named = open(directory, "backend-1");
    named.setToken("token-1");
    expect(open(directory, "backend-1").token).toBe("token-1");
    expect(open(directory, "backend-2").token).toBeNull();
    expect(open(directory).clientId).toBe(made.clientId);
  });

  test("differs between agents with different endpoints on one host", () => {
    const directory = folder();
    const ids = ["http://a:1", "http://a:2"].map((url) => open(directory, "", [url]).clientId);
    expect(ids[0]).not.toBe(ids[1]);
    expect(open(directory, "", ["http://a:2"]).clientId).toBe(ids[1] ?? "");
  });

  test.each(["", "{", "[]", '{"client_id":7}', '{"client_id":"a b"}', "\u0000\u0000"])(
    "a damaged file (%p) is replaced, with a log line",
    (content) => {
      const directory = folder();
      writeFileSync(join(directory, "agent.json"), content);
      const { log, lines } = recordingLogger();
      const identity = Identity.open({ directory, clientId: "", endpoints: [], log });
      expect(identity.clientId).toMatch(UUID);
      expect(lines).toHaveLength(1);
      expect(open(directory).clientId).toBe(identity.clientId);
    },
  );

  test("a token that would break a header is not kept", () => {
    const identity = open(folder());
    identity.setToken("a\r\nX-Other: b");
    expect(identity.token).toBeNull();
  });

  test("survives SIGKILL at any moment of being written", async () => {
    const directory = folder();
    const { clientId } = open(directory);
    const program = `
      import { Identity } from ${JSON.stringify(join(import.meta.dir, "../../client/identity.ts"))};
      const log = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} };
      const identity = Identity.open({ directory: ${JSON.stringify(directory)}, clientId: "", endpoints: [], log });
      for (let i = 0; ; i++) { identity.setToken("token-" + i); if (i === 20) console.log(identity.clientId); }
    `;
    for (let round = 0; round < 5; round++) {
      const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
      const { value } = await child.stdout.getReader().read();
      child.kill("SIGKILL");
      await child.exited;
      expect(new TextDecoder().decode(value).trim()).toBe(clientId);
      const kept = open(directory);
      expect(kept.clientId).toBe(clientId);
      expect(kept.token).toMatch(/^token-\d+$/);
    }
  });

  test("without a place to keep it, it is made for this run", () => {
    expect(open(null).clientId).toMatch(UUID);
    expect(open(null, "named").clientId).toBe("named");
  });
});

describe("state directory", () => {
  test("is the configured one, systemd's, the user's, the working directory, in this order", () => {
    const env = { STATE_DIRECTORY: "/var/lib/opsen:/var/lib/other", HOME: "/home/u" };
    const cwd = process.cwd();
    expect(stateDirCandidates("/srv/x", env)).toEqual([
      "/srv/x",
      "/var/lib/opsen",
      "/home/u/.local/state/opsen",
      cwd,
    ]);
    expect(stateDirCandidates("", { HOME: "/home/u" })).toEqual(["/home/u/.local/state/opsen", cwd]);
  });

  test("falls through what cannot be written, with a log line", () => {
    const good = join(folder(), "deep", "state");
    const { log, lines } = recordingLogger();
    // A path below a file can never be made, whoever asks.
    expect(openStateDir(["/proc/version/state", good], log)).toBe(good);
    expect(readdirSync(good)).toEqual([]);
    expect(lines.filter((line) => line.level === "warn")).toHaveLength(1);
    expect(openStateDir(["/proc/version/state"], log)).toBeNull();
    expect(lines.at(-1)?.level).toBe("error");
  });
});

describe.skipIf(process.platform !== "linux")("mark of use", () => {
  test("warns of a living agent and not of a dead one", async () => {
    const directory = folder();
    const other = Bun.spawn(["sleep", "60"]);
    const stat = readFileSync(`/proc/${other.pid}/stat`, "utf8");
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const path = join(directory, "b1.pid");
    writeFileSync(path, `${other.pid} ${start}`);
    const alive = recordingLogger();
    const release = markInUse(directory, "b1", alive.log);
    expect(alive.lines[0]?.message).toContain("another agent");
    release();
    expect(readdirSync(directory)).toEqual([]);

    writeFileSync(path, `${other.pid} ${start}`);
    other.kill("SIGKILL");
    await other.exited;
    const dead = recordingLogger();
    markInUse(directory, "b1", dead.log);
    // The number of a process of another age is no sign of life either.
    writeFileSync(path, `${process.pid} 1`);
    markInUse(directory, "b1", dead.log);
    expect(dead.lines).toEqual([]);
  });

  test("takes a process that ended, but was not reaped, for dead", async () => {
    const directory = folder();
    // The shell turns into a program that never asks for the exit code of the child.
    const parent = Bun.spawn(["sh", "-c", "sh -c 'read _' & echo $!; exec sleep 60"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    const pid = new TextDecoder().decode((await parent.stdout.getReader().read()).value).trim();
    const fields = (): string[] => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    };
    writeFileSync(join(directory, "b1.pid"), `${pid} ${fields()[19]}`);
    process.kill(Number(pid), "SIGKILL");
    await eventually("the child is a zombie", () => fields()[0] === "Z" || null);
    const { log, lines } = recordingLogger();
    markInUse(directory, "b1", log);
    expect(lines).toEqual([]);
    parent.kill("SIGKILL");
    await parent.exited;
  });
});
