import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Complaints } from "../../../client/complaints.ts";
import { parseCoreList } from "../../../client/sampler/cgroup.ts";
import { CpuReader } from "../../../client/sampler/cpu.ts";
import { LinuxSampler } from "../../../client/sampler/linux.ts";
import { PortableSampler } from "../../../client/sampler/portable.ts";
import { emptySample } from "../../../client/sampler/sample.ts";
import { recordingLogger } from "../fakes.ts";

const GIB = 2 ** 30;
const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** Lays out a host as files; keys are paths below the root. */
function fixture(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "opsen-host-"));
  roots.push(root);
  put(root, files);
  return root;
}

function put(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function statText(cores: readonly (readonly [number, number, number])[]): string {
  const lines = cores.map(([core, busy, idle]) => `cpu${core} ${busy} 0 0 ${idle} 0 0 0 0 0 0`);
  return `cpu  0 0 0 0 0 0 0 0 0 0\n${lines.join("\n")}\nintr 5 0\nctxt 9\n`;
}

const MEMINFO = `MemTotal:       ${16 * 1024 * 1024} kB\nMemFree:        1000 kB\nMemAvailable:   ${8 * 1024 * 1024} kB\n`;

interface Rig {
  readonly root: string;
  readonly sampler: LinuxSampler;
  readonly messages: () => string[];
  nowMs: number;
}

function rig(files: Readonly<Record<string, string>>, ownCgroup = true): Rig {
  const root = fixture(files);
  const { log, lines } = recordingLogger();
  const result: Rig = {
    root,
    nowMs: 0,
    messages: () => lines.map((line) => line.message),
    sampler: new LinuxSampler({
      roots: { proc: join(root, "proc"), sys: join(root, "sys") },
      ownCgroup,
      pid: 7,
      diskPath: root,
      gpus: [],
      complaints: new Complaints(log),
      monotonicMs: () => result.nowMs,
    }),
  };
  return result;
}

const FOUR_IDLE = statText([0, 1, 2, 3].map((core) => [core, 100, 900]));
/** In the second that follows: 10, 20, 30 and 40 ticks of 100 busy. */
const FOUR_LATER = statText([0, 1, 2, 3].map((core) => [core, 110 + core * 10, 990 - core * 10]));

describe("on this host", () => {
  const isLinux = process.platform === "linux";

  test.skipIf(!isLinux)("agrees with the kernel's own figures", () => {
    const { log } = recordingLogger();
    const sampler = new LinuxSampler({
      roots: { proc: "/proc", sys: "/sys" },
      ownCgroup: false,
      pid: process.pid,
      diskPath: "/",
      gpus: [],
      complaints: new Complaints(log),
      monotonicMs: () => performance.now(),
    });
    const sample = emptySample();
    sampler.sample(sample);
    sampler.close();
    expect(sample.cores).toBe(cpus().length);
    for (const use of sample.cpuPct.subarray(0, sample.cores)) {
      expect(use).toBeGreaterThanOrEqual(0);
      expect(use).toBeLessThanOrEqual(100);
    }
    const total = Number(/MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
    expect(sample.memoryTotalBytes).toBe(total);
    expect(sample.memoryAvailBytes).toBeGreaterThan(0);
    expect(sample.memoryAvailBytes).toBeLessThanOrEqual(total);
    const disk = statfsSync("/");
    expect(sample.diskTotalBytes).toBe(disk.blocks * disk.bsize);
    expect(sample.diskAvailBytes).toBeLessThanOrEqual(sample.diskTotalBytes);
  });

  test("the portable sampler agrees with the system as well", async () => {
    const { log } = recordingLogger();
    const sampler = new PortableSampler({ diskPath: "/", gpus: [], complaints: new Complaints(log) });
    const sample = emptySample();
    await sampler.sample(sample);
    expect(sample.cores).toBe(cpus().length);
    expect(sample.memoryTotalBytes).toBeGreaterThan(0);
    expect(sample.memoryAvailBytes).toBeLessThanOrEqual(sample.memoryTotalBytes);
    expect(sample.diskTotalBytes).toBeGreaterThan(0);
  });
});

describe("CPU", () => {
  test("is the busy share of the ticks since the reading before, by the definition of proc_stat(5)", () => {
    const line = "cpu0 100 10 50 800 40 5 5 10 30 3";
    const root = fixture({ "proc/stat": `cpu  0\n${line}\nintr 1\n` });
    const cpu = new CpuReader(join(root, "proc"));
    cpu.read();
    // Since the start: idle and iowait are 840 of 1020 ticks; guest time is in user time already.
    expect(cpu.useOf(0)).toBeCloseTo((100 * (1020 - 840)) / 1020, 10);
    put(root, { "proc/stat": `cpu  0\ncpu0 130 10 60 840 50 5 5 20 60 3\nintr 1\n` });
    cpu.read();
    // 100 ticks passed: 40 idle, 10 waiting.
    expect(cpu.useOf(0)).toBeCloseTo(50, 10);
    cpu.read();
    expect(cpu.useOf(0)).toBeNaN();
  });

  test("follows the kernel's numbers where cores are offline, and more cores than a buffer holds", () => {
    const many = Array.from({ length: 700 }, (_, i) => [i * 2, i, 1000 - i] as const);
    const root = fixture({ "proc/stat": statText(many) });
    const cpu = new CpuReader(join(root, "proc"));
    cpu.read();
    expect(cpu.count).toBe(700);
    expect(cpu.numberOf(699)).toBe(1398);
    expect(cpu.useOf(500)).toBeCloseTo(50, 10);
  });
});

describe("failures", () => {
  test("are logged once for each kind, left out, retried, and their end is logged", () => {
    const host = rig({ "proc/meminfo": MEMINFO });
    const sample = emptySample();
    host.sampler.sample(sample);
    host.sampler.sample(sample);
    expect(host.messages().filter((message) => message.startsWith("cannot read CPU"))).toHaveLength(1);
    expect(sample.memoryTotalBytes).toBe(16 * GIB);
    put(host.root, { "proc/stat": FOUR_IDLE });
    host.sampler.sample(sample);
    expect(sample.cores).toBe(4);
    expect(host.messages()).toContain("CPU can be read again");
  });
});

describe("control groups", () => {
  const host = {
    "proc/stat": FOUR_IDLE,
    "proc/meminfo": MEMINFO,
    "sys/fs/cgroup/cgroup.controllers": "cpu memory",
  };

  test("without limits the host counts", () => {
    const { sampler } = rig({
      ...host,
      "proc/self/cgroup": "0::/system.slice/x.scope\n",
      "sys/fs/cgroup/system.slice/x.scope/memory.max": "max\n",
      "sys/fs/cgroup/system.slice/x.scope/cpu.max": "max 100000\n",
    });
    const sample = emptySample();
    sampler.sample(sample);
    expect(sample.cores).toBe(4);
    expect(sample.memoryTotalBytes).toBe(16 * GIB);
    expect(sample.memoryAvailBytes).toBe(8 * GIB);
  });

  test("the tightest memory limit above us counts, less what is in use and cannot be given back", () => {
    const { sampler } = rig({
      ...host,
      "proc/self/cgroup": "1:name=systemd:/other\n0::/pod/app\n",
      "sys/fs/cgroup/pod/memory.max": `${4 * GIB}\n`,
      "sys/fs/cgroup/pod/memory.current": `${2 * GIB}\n`,
      "sys/fs/cgroup/pod/memory.stat": `anon 1\nfile 5\ninactive_file ${GIB}\nactive_file 2\n`,
      "sys/fs/cgroup/pod/app/memory.max": `${6 * GIB}\n`,
      "sys/fs/cgroup/pod/app/memory.current": `${GIB}\n`,
      "sys/fs/cgroup/pod/app/memory.stat": "inactive_file 0\n",
    });
    const sample = emptySample();
    sampler.sample(sample);
    expect(sample.memoryTotalBytes).toBe(4 * GIB);
    expect(sample.memoryAvailBytes).toBe(3 * GIB);
  });

  test("a namespace shows our own group as the root", () => {
    const { sampler } = rig({
      ...host,
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/memory.max": `${GIB}\n`,
      "sys/fs/cgroup/memory.current": `${2 * GIB}\n`,
    });
    const sample = emptySample();
    sampler.sample(sample);
    expect(sample.memoryTotalBytes).toBe(GIB);
    expect(sample.memoryAvailBytes).toBe(0);
  });

  test("a path that does not exist here, or climbs out, means the root of the mount", () => {
    for (const path of ["/kubepods/pod1/c1", "/../../elsewhere"]) {
      const { sampler } = rig({
        ...host,
        "proc/self/cgroup": `0::${path}\n`,
        "sys/fs/cgroup/memory.max": `${2 * GIB}\n`,
        "sys/fs/cgroup/memory.current": "0\n",
      });
      const sample = emptySample();
      sampler.sample(sample);
      expect(sample.memoryTotalBytes).toBe(2 * GIB);
    }
  });

  test("the limits of a service that holds only the agent are not the backend's", () => {
    const files = {
      ...host,
      "proc/self/cgroup": "0::/system.slice/opsen-client.service\n",
      "sys/fs/cgroup/system.slice/opsen-client.service/memory.max": `${GIB}\n`,
      "sys/fs/cgroup/system.slice/opsen-client.service/memory.current": "0\n",
    };
    const totals = ["7\n", "7\n8\n"].map((processes) => {
      const { sampler } = rig({
        ...files,
        "sys/fs/cgroup/system.slice/opsen-client.service/cgroup.procs": processes,
      });
      const sample = emptySample();
      sampler.sample(sample);
      return sample.memoryTotalBytes;
    });
    expect(totals).toEqual([16 * GIB, GIB]);
  });

  test("a quota leaves whole cores, at least one", () => {
    const cores = ["250000 100000", "50000 100000", "800000 100000"].map((quota) => {
      const { sampler } = rig({
        ...host,
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/cpu.max": `${quota}\n`,
        "sys/fs/cgroup/cpu.stat": "usage_usec 1\n",
      });
      const sample = emptySample();
      sampler.sample(sample);
      return sample.cores;
    });
    // More than the host has is no limit.
    expect(cores).toEqual([2, 1, 4]);
  });

  test("the share of the quota is CPU time over wall time over cores", () => {
    const setup = rig({
      ...host,
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/cpu.max": "200000 100000\n",
      "sys/fs/cgroup/cpu.stat": "usage_usec 1000000\n",
    });
    const sample = emptySample();
    setup.sampler.sample(sample);
    setup.nowMs = 1000;
    // Half a second of CPU time in one second, over two cores: 25 %. The two idlest cores are at 10 and 20 %.
    put(setup.root, { "proc/stat": FOUR_LATER, "sys/fs/cgroup/cpu.stat": "usage_usec 1500000\n" });
    setup.sampler.sample(sample);
    expect([...sample.cpuPct.subarray(0, sample.cores)]).toEqual([25, 25]);
    setup.nowMs = 2000;
    const busy = statText([0, 1, 2, 3].map((core) => [core, 210 + core * 10, 990 - core * 10]));
    put(setup.root, { "proc/stat": busy, "sys/fs/cgroup/cpu.stat": "usage_usec 1600000\n" });
    setup.sampler.sample(sample);
    // The quota is hardly used, but the host has no time to give.
    expect([...sample.cpuPct.subarray(0, sample.cores)]).toEqual([100, 100]);
  });

  test("a CPU set restricts the cores that are reported", () => {
    const setup = rig({
      ...host,
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/cpuset.cpus.effective": "1,3\n",
    });
    const sample = emptySample();
    setup.sampler.sample(sample);
    put(setup.root, { "proc/stat": FOUR_LATER });
    setup.sampler.sample(sample);
    expect([...sample.cpuPct.subarray(0, sample.cores)]).toEqual([20, 40]);
  });

  test("a host that was pointed out to us is reported whole", () => {
    const { sampler } = rig(
      { ...host, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": `${GIB}\n` },
      false,
    );
    const sample = emptySample();
    sampler.sample(sample);
    expect(sample.memoryTotalBytes).toBe(16 * GIB);
  });

  test("reads the kernel's list form", () => {
    expect([...(parseCoreList("0-2,8,10-11\n") ?? [])]).toEqual([0, 1, 2, 8, 10, 11]);
    expect(parseCoreList("")).toBeNull();
  });
});
