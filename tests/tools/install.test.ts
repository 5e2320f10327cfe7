import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { PROGRAMS } from "../../tools/build/compile.ts";
import { pack, writeChecksums } from "../../tools/build/release.ts";
import { hostTarget } from "../../tools/build/targets.ts";
import { main as build } from "../../tools/build.ts";
import { repositoryRoot, run } from "../../tools/process.ts";

const TAG = `v${packageJson.version}`;
const SCRIPT = join(repositoryRoot(), "install.sh");

/** Archives as the release makes them, served under /good; under /corrupt with checksums of something else. */
const release = mkdtempSync(join(tmpdir(), "opsen-install-release-"));
const files = Bun.serve({ port: 0, hostname: "127.0.0.1", development: false, fetch: serve });

/** Made anew for each test. */
let place = "";

beforeAll(async () => {
  const target = hostTarget();
  if (target === null) throw new Error("no executable is built for this platform");
  const built = (name: string): string => join(repositoryRoot(), "dist", name + target.suffix);
  if (PROGRAMS.some(({ name }) => !existsSync(built(name)))) await build([]);
  const options = { tag: TAG, directory: release };
  await Promise.all(PROGRAMS.map((program) => pack(program, target, built(program.name), options)));
  await writeChecksums(release);
}, 120_000);

beforeEach(() => {
  if (place !== "") rmSync(place, { recursive: true, force: true });
  place = mkdtempSync(join(tmpdir(), "opsen-install-"));
  mkdirSync(join(place, "tmp"));
});

afterAll(async () => {
  await files.stop(true);
  for (const directory of [release, place]) rmSync(directory, { recursive: true, force: true });
});

test.each(["curl", "wget"].filter((tool) => Bun.which(tool) !== null))(
  "installs both programs with %s into a directory that it makes",
  async (downloader) => {
    const path = await commandsOnly(downloader);
    const { code, output } = await install(["--dir", join(place, "new", "bin")], { PATH: path });
    expect(output).toContain(`Installed in ${join(place, "new", "bin")}: opsen-server opsen-client (${TAG})`);
    expect(code).toBe(0);
    for (const name of ["opsen-server", "opsen-client"]) {
      const file = join(place, "new", "bin", name);
      expect(statSync(file).mode & 0o777).toBe(0o755);
      const { output: version } = await run([file, "-version"]);
      expect(version.trim()).toContain(packageJson.version);
    }
    expect(readdirSync(join(place, "new", "bin"))).toHaveLength(2);
    expect(readdirSync(join(place, "tmp"))).toEqual([]);
  },
);

test("an archive is the same bytes each time and holds the executable with its companions", async () => {
  const target = hostTarget();
  const program = PROGRAMS.find(({ name }) => name === "opsen-client");
  if (target === null || program === undefined) throw new Error("no executable is built for this platform");
  const small = join(place, "small");
  await Bun.write(small, "not really a program\n");
  const pathOf = async (folder: string): Promise<string> =>
    join(
      place,
      folder,
      await pack(program, target, small, { tag: "v1.2.3", directory: join(place, folder) }),
    );
  const [first, second] = [await pathOf("a"), await pathOf("b")];
  expect(first).toEndWith(`/opsen-client_v1.2.3_${target.id}.tar.gz`);
  expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
  const { output } = await run(["tar", "-tzf", first]);
  expect(output.trim().split("\n")).toEqual([
    "LICENSE",
    "client.example.yml",
    "opsen-client",
    "opsen-client.service",
  ]);
});

test("installs one program only and replaces the old one", async () => {
  const file = join(place, "opsen-client");
  await Bun.write(file, "old");
  expect((await install(["client", "--dir", place])).code).toBe(0);
  expect(statSync(file).size).toBeGreaterThan(1e6);
  expect(existsSync(join(place, "opsen-server"))).toBe(false);
});

test("INSTALL_DIR and VERSION do what their options do", async () => {
  const { code } = await run(["sh", SCRIPT, "server"], {
    env: {
      OPSEN_DOWNLOAD_URL: `${files.url}good`,
      TMPDIR: join(place, "tmp"),
      VERSION: TAG,
      INSTALL_DIR: place,
    },
  });
  expect(code).toBe(0);
  expect(existsSync(join(place, "opsen-server"))).toBe(true);
});

test("the latest release is the one that GitHub leads to, and a repository can be named", async () => {
  const real = Bun.which("curl");
  if (real === null) return;
  // Stands for github.com: says where "latest" leads, and serves the downloads of that tag from here.
  await command(
    "curl",
    `for last; do :; done
echo "$last" >>"${place}/asked"
case $last in
  */releases/latest) printf 'https://github.com/some/fork/releases/tag/${TAG}' ;;
  *) exec "${real}" -fsSL -o "$5" "${files.url}good/\${last##*/}" ;;
esac`,
  );
  const env = { ...withCommands(), OPSEN_REPO: "some/fork", OPSEN_DOWNLOAD_URL: "", VERSION: "" };
  const { code, output } = await install(["client", "--dir", place], env);
  expect(output).toContain(`opsen-client (${TAG})`);
  expect(code).toBe(0);
  const asked = readFileSync(join(place, "asked"), "utf8").trim().split("\n");
  const downloads = `https://github.com/some/fork/releases/download/${TAG}`;
  expect(asked[0]).toBe("https://github.com/some/fork/releases/latest");
  expect(asked[1]).toBe(`${downloads}/SHA256SUMS`);
  expect(asked[2]).toStartWith(`${downloads}/opsen-client_${TAG}_`);
});

test("installs nothing when a checksum does not match", async () => {
  const file = join(place, "opsen-server");
  await Bun.write(file, "old");
  const { code, output } = await install(["--dir", place], { OPSEN_DOWNLOAD_URL: `${files.url}corrupt` });
  expect(code).toBe(1);
  expect(output).toMatch(
    /does not match its checksum \(expected 0+, got [0-9a-f]{64}\); nothing was installed/,
  );
  expect(readFileSync(file, "utf8")).toBe("old");
  expect(readdirSync(place).toSorted()).toEqual(["opsen-server", "tmp"]);
  expect(readdirSync(join(place, "tmp"))).toEqual([]);
});

test("installs nothing when the release or the archive is missing", async () => {
  const missing = await install(["--dir", place], { OPSEN_DOWNLOAD_URL: `${files.url}nowhere` });
  expect(missing.code).toBe(1);
  expect(missing.output).toContain(`${files.url}nowhere/SHA256SUMS could not be downloaded`);

  const unlisted = await install(["--dir", place, "--version", "v9.9.9"]);
  expect(unlisted.code).toBe(1);
  expect(unlisted.output).toContain("is not in SHA256SUMS of v9.9.9");
  expect(readdirSync(place)).toEqual(["tmp"]);
});

test.each([
  ["Linux", "armv7l", 'no release is built for the processor "armv7l"'],
  ["SunOS", "x86_64", 'no release is built for the operating system "SunOS"'],
  ["MINGW64_NT-10.0", "x86_64", "on Windows, take opsen-server_<version>_windows_amd64.tar.gz"],
])("says that %s on %s is not supported", async (system, machine, message) => {
  await command("uname", `[ "$1" = -m ] && echo ${machine} || echo ${system}`);
  const { code, output } = await install(["--dir", place], withCommands());
  expect(output).toContain(message);
  expect(code).toBe(1);
});

test("refuses what it does not know before it does anything", async () => {
  for (const [args, message] of [
    [["--frobnicate"], 'unknown argument "--frobnicate"'],
    [["--dir"], "--dir needs a value"],
    [["--version", "../../etc"], '"../../etc" is not the name of a release'],
  ] as const) {
    const { code, output } = await install(args);
    expect(output).toContain(message);
    expect(code).toBe(1);
  }
});

test("a script whose download was cut short does nothing", async () => {
  const text = readFileSync(SCRIPT, "utf8");
  const cut = join(place, "cut.sh");
  for (const part of [0.3, 0.6, 0.9]) {
    await Bun.write(cut, text.slice(0, Math.floor(text.length * part)));
    await run(["sh", cut, "--dir", place], {
      env: { OPSEN_DOWNLOAD_URL: `${files.url}good`, TMPDIR: join(place, "tmp"), VERSION: TAG },
    });
    expect(readdirSync(place).toSorted()).toEqual(["cut.sh", "tmp"]);
  }
});

test.each([
  { user: "root", uid: 0 },
  { user: "a user who may write everything", uid: 1000 },
])(
  "with --systemd it adds units and examples, and keeps a configuration that is there, as $user",
  async ({ uid }) => {
    for (const name of ["systemctl", "useradd", "chown"])
      await command(name, `echo "${name} $*" >>"${place}/calls"`);
    // There is no user "opsen" yet.
    await command("id", `[ "$1" = -u ] && echo ${uid}`);
    await command("sudo", `echo "sudo $*" >>"${place}/calls"; exec "$@"`);
    const callsSoFar = (): string[] => readFileSync(join(place, "calls"), "utf8").trim().split("\n");
    const etc = join(place, "etc");
    mkdirSync(etc);
    await Bun.write(join(etc, "client.yml"), "server_url: http://mine:1\n");
    const places = ["--dir", join(place, "bin"), "--config-dir", etc, "--unit-dir", join(place, "units")];
    const { code, output } = await install(["--systemd", ...places], withCommands());
    expect(output).toContain(`Kept ${join(etc, "client.yml")}`);
    expect(code).toBe(0);
    expect(readFileSync(join(etc, "client.yml"), "utf8")).toBe("server_url: http://mine:1\n");
    expect(readFileSync(join(etc, "server.yml"), "utf8")).toContain("port: 8080");
    expect(statSync(join(etc, "server.yml")).mode & 0o777).toBe(0o640);
    expect(readFileSync(join(place, "units", "opsen-server.service"), "utf8")).toContain(
      `ExecStart=${join(place, "bin")}/opsen-server -config ${etc}/server.yml`,
    );
    const calls = callsSoFar();
    expect(calls.filter((call) => call.startsWith("useradd --system"))).toHaveLength(1);
    expect(calls).toContain(`chown root:opsen ${etc}/server.yml`);
    expect(calls).toContain("systemctl daemon-reload");

    const removed = await install(["--uninstall", ...places], withCommands());
    expect(removed.code).toBe(0);
    const later = callsSoFar().slice(calls.length);
    expect(later.filter((call) => !call.startsWith("sudo"))).toEqual([
      "systemctl disable --now opsen-server",
      "systemctl disable --now opsen-client",
      "systemctl daemon-reload",
    ]);
    // What changes the system, and nothing else, goes through sudo unless it is root who asks.
    const viaSudo = callsSoFar().filter((call) => call.startsWith("sudo "));
    const direct = callsSoFar().filter((call) => !call.startsWith("sudo "));
    expect(viaSudo).toEqual(uid === 0 ? [] : direct.map((call) => `sudo ${call}`));
    expect(readdirSync(join(place, "bin"))).toEqual([]);
    expect(readdirSync(join(place, "units"))).toEqual([]);
    expect(readdirSync(etc).toSorted()).toEqual(["client.yml", "server.yml"]);
  },
);

test("--systemd without systemd is refused before anything is downloaded", async () => {
  const path = await commandsOnly("curl", "wget");
  const { code, output } = await install(["--systemd", "--dir", place], { PATH: path });
  expect(output).toContain("there is no systemctl here");
  expect(code).toBe(1);
});

function serve(request: Request): Response {
  const [, folder, name = ""] = new URL(request.url).pathname.split("/");
  const file = join(release, name);
  if ((folder !== "good" && folder !== "corrupt") || !existsSync(file))
    return new Response("no", { status: 404 });
  if (folder === "corrupt" && name === "SHA256SUMS") {
    return new Response(readFileSync(file, "utf8").replaceAll(/^[0-9a-f]{64}/gm, "0".repeat(64)));
  }
  return new Response(Bun.file(file));
}

async function install(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  const base = { OPSEN_DOWNLOAD_URL: `${files.url}good`, TMPDIR: join(place, "tmp"), VERSION: TAG };
  return run(["sh", SCRIPT, ...args], { env: { ...base, ...env } });
}

/** Puts a command of our own before those of the machine. */
async function command(name: string, body: string): Promise<void> {
  const file = join(place, "commands", name);
  await Bun.write(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

function withCommands(): Readonly<Record<string, string>> {
  return { PATH: `${join(place, "commands")}${delimiter}${process.env.PATH}` };
}

/** Gives a PATH that holds what the script always needs, and of the rest only what is named. */
async function commandsOnly(...names: readonly string[]): Promise<string> {
  const always = [
    "sh",
    "uname",
    "ldd",
    "grep",
    "mktemp",
    "rm",
    "awk",
    "sed",
    "cut",
    "tar",
    "gzip",
    "sha256sum",
  ];
  const others = ["shasum", "mkdir", "dirname", "chmod", "cp", "mv", "id", "bash", "cat", "env"];
  const directory = join(place, "only");
  mkdirSync(directory);
  for (const name of [...always, ...others, ...names]) {
    const found = Bun.which(name);
    if (found !== null) await run(["ln", "-s", found, join(directory, name)]);
  }
  return directory;
}
