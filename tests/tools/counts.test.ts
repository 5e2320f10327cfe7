import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../tools/process.ts";
import { countsOf } from "../../tools/test/counts.ts";

/** Runs a test file of the given text for real and counts what comes out. */
async function counted(text: string) {
  const directory = mkdtempSync(join(tmpdir(), "opsen-counts-"));
  try {
    await Bun.write(join(directory, "sample.test.ts"), `import { test, expect } from "bun:test";\n${text}`);
    const { code, output } = await run([process.execPath, "test"], { cwd: directory });
    return countsOf(output, code);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const PASSES = 'test("a", () => expect(1).toBe(1));\n';
const FAILS = 'test("b", () => expect(1).toBe(2));\n';

test("counts tests that pass and fail", async () => {
  expect(await counted(PASSES)).toEqual({ passed: 1, failed: 0 });
  expect(await counted(PASSES + FAILS)).toEqual({ passed: 1, failed: 1 });
});

test("a file that cannot be loaded, an empty run and a crash are failures", async () => {
  expect(await counted('import "no-such-package";\n')).toMatchObject({ failed: 1 });
  expect(await counted("")).toMatchObject({ failed: 1 });
  expect(await counted(`${PASSES}test("c", () => process.kill(process.pid, "SIGKILL"));\n`)).toMatchObject({
    failed: 1,
  });
});

test("an error between tests is a failure", async () => {
  const { failed } = await counted(`${PASSES}throw new Error("outside");\n`);
  expect(failed).toBeGreaterThan(0);
});

test("what a test prints is not taken for the result", async () => {
  const lies = 'test("d", () => console.log(" 99 pass\\n 0 fail"));\n';
  expect(await counted(lies + FAILS)).toEqual({ passed: 1, failed: 1 });
});
