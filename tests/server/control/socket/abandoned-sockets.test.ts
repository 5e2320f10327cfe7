import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { removeAbandonedSockets } from "../../../../server/control/socket/abandoned-sockets.ts";
import { temporaryDirectory } from "../fixtures.ts";

/** Makes a socket whose server was killed. */
async function abandon(path: string): Promise<void> {
  const script = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); console.log("up");`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  await child.stdout.getReader().read();
  child.kill("SIGKILL");
  await child.exited;
}

test("removes old sockets that nobody serves, and nothing else", async () => {
  using temporary = temporaryDirectory();
  const place = (name: string): string => {
    mkdirSync(`${temporary.path}/${name}`);
    return `${temporary.path}/${name}/control.sock`;
  };
  const dead = place("opsen-Abc123");
  await abandon(dead);
  const living = place("opsen-Def456");
  using server = Bun.listen({ unix: living, socket: { data() {} } });
  const others = [place("opsen-Ghi789"), place("opsen-toolong1"), place("other-Abc123")];
  writeFileSync(others[1] ?? "", "");

  expect(await removeAbandonedSockets(temporary.path, Date.now())).toBe(0);
  expect(existsSync(dead)).toBe(true);
  expect(await removeAbandonedSockets(temporary.path, Date.now() + 120_000)).toBe(1);
  expect(existsSync(`${temporary.path}/opsen-Abc123`)).toBe(false);
  expect(existsSync(living)).toBe(true);
  for (const name of ["opsen-Ghi789", "opsen-toolong1", "other-Abc123"]) {
    expect(existsSync(`${temporary.path}/${name}`)).toBe(true);
  }
  expect(await removeAbandonedSockets(`${temporary.path}/none`, Date.now())).toBe(0);
  server.stop(true);
});
