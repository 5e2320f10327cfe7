import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { openSampler } from "../../../client/sampler/open.ts";
import { PortableSampler } from "../../../client/sampler/portable.ts";
import { emptySample, type Sampler } from "../../../client/sampler/sample.ts";
import { recordingLogger } from "../fakes.ts";

const folder = mkdtempSync(join(tmpdir(), "opsen-open-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function open(platform: string, env: Record<string, string>): { sampler: Sampler; messages: string[] } {
  const { log, lines } = recordingLogger();
  const sampler = openSampler({
    platform,
    arch: process.arch,
    pid: process.pid,
    env,
    diskPath: "/",
    log,
    monotonicMs: () => performance.now(),
  });
  return { sampler, messages: lines.map((line) => line.message) };
}

test("HOST_PROC makes a container report the host", () => {
  const proc = join(folder, "proc");
  mkdirSync(proc);
  writeFileSync(
    join(proc, "stat"),
    "cpu  0\ncpu0 1 0 0 9 0 0 0 0 0 0\ncpu1 1 0 0 9 0 0 0 0 0 0\ncpu2 1 0 0 9\n",
  );
  writeFileSync(join(proc, "meminfo"), "MemTotal: 1024 kB\nMemAvailable: 512 kB\n");
  const { sampler } = open("linux", { HOST_PROC: `${proc}/` });
  const sample = emptySample();
  void sampler.sample(sample);
  expect(sample.cores).toBe(3);
  expect(sample.memoryTotalBytes).toBe(1024 * 1024);
  sampler.close();
});

test.skipIf(process.platform !== "linux")(
  "a HOST_PROC where nothing is mounted is said and passed over",
  () => {
    const { sampler, messages } = open("linux", { HOST_PROC: join(folder, "absent") });
    const sample = emptySample();
    void sampler.sample(sample);
    expect(messages.filter((message) => message.startsWith("HOST_PROC"))).toHaveLength(1);
    expect(sample.memoryTotalBytes).toBeGreaterThan(0);
    expect(sample.memoryTotalBytes).toBeLessThanOrEqual(totalmem());
    sampler.close();
  },
);

test("other systems take the portable sampler", () => {
  for (const platform of ["darwin", "win32"]) {
    const { sampler } = open(platform, {});
    expect(sampler).toBeInstanceOf(PortableSampler);
    sampler.close();
  }
});
