import { expect, test } from "bun:test";
import { hostTarget, TARGETS } from "../../tools/build/targets.ts";

test("every platform has a name of its own, as the release files carry it", () => {
  expect(TARGETS.map(({ id }) => id)).toEqual([
    "linux_amd64",
    "linux_arm64",
    "linux_amd64_musl",
    "linux_arm64_musl",
    "darwin_amd64",
    "darwin_arm64",
    "windows_amd64",
  ]);
  expect(TARGETS.filter(({ suffix }) => suffix === ".exe").map(({ id }) => id)).toEqual(["windows_amd64"]);
});

test("the compiler's name of a target says the same as ours", () => {
  for (const { id, compilerTarget } of TARGETS) {
    const ours = id.replace("amd64", "x64").replaceAll("_", "-");
    expect(compilerTarget).toBe(`bun-${ours}`);
  }
});

test("this machine is one of them", () => {
  expect(hostTarget()?.id).toContain(process.platform === "win32" ? "windows" : process.platform);
});
