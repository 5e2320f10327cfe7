/**
 * The sampler for Linux: /proc, statfs, control groups and GPUs, without a child process and almost without
 * garbage.
 */
import type { Complaints } from "../complaints.ts";
import { CgroupLimits, type CgroupRoots } from "./cgroup.ts";
import { CpuReader } from "./cpu.ts";
import { readDisk } from "./disk.ts";
import { MemoryReader } from "./memory.ts";
import { fitCores, type GpuSource, type Sample, type Sampler } from "./sample.ts";

export interface LinuxSamplerOptions {
  readonly roots: CgroupRoots;
  /** False when the operator pointed us at another host view: our own group's limits are not that host's. */
  readonly ownCgroup: boolean;
  readonly pid: number;
  readonly diskPath: string;
  readonly gpus: readonly GpuSource[];
  readonly complaints: Complaints;
  /** Milliseconds that never step back. */
  readonly monotonicMs: () => number;
}

export class LinuxSampler implements Sampler {
  readonly #options: LinuxSamplerOptions;
  readonly #cpu: CpuReader;
  readonly #memory: MemoryReader;
  readonly #cgroup: CgroupLimits | null;
  /** Use of the cores that we may run on, for picking the least busy ones. */
  #allowedPct = new Float64Array(64);

  constructor(options: LinuxSamplerOptions) {
    this.#options = options;
    this.#cpu = new CpuReader(options.roots.proc);
    this.#memory = new MemoryReader(options.roots.proc);
    this.#cgroup = options.ownCgroup ? CgroupLimits.find(options.roots, options.pid) : null;
  }

  sample(into: Sample): void {
    this.#cgroup?.sample(this.#options.monotonicMs());
    this.#sampleCpu(into);
    this.#sampleMemory(into);
    this.#sampleDisk(into);
    for (const source of this.#options.gpus) source.refresh();
    into.gpus = allDevices(this.#options.gpus, into.gpus);
  }

  close(): void {
    this.#cpu.close();
    this.#memory.close();
    this.#cgroup?.close();
    for (const source of this.#options.gpus) source.close();
  }

  #sampleCpu(into: Sample): void {
    try {
      this.#cpu.read();
      this.#options.complaints.worked("CPU");
    } catch (error) {
      this.#options.complaints.failed("CPU", error);
      into.cpuPct.fill(Number.NaN);
      return;
    }
    const allowed = this.#collectAllowed();
    const quota = this.#cgroup?.quotaCores ?? Number.POSITIVE_INFINITY;
    if (!(quota < allowed)) {
      fitCores(into, allowed);
      for (let i = 0; i < allowed; i++) into.cpuPct[i] = this.#allowedPct[i] ?? Number.NaN;
      return;
    }
    // Under a quota no core is ours: the kernel takes the idlest ones. A core is as busy as the quota is used up,
    // or as the host itself is, whichever is worse.
    const cores = Math.max(1, Math.floor(quota));
    const share = this.#cgroup?.quotaUsePct ?? 0;
    fitCores(into, cores);
    this.#allowedPct.subarray(0, allowed).sort();
    for (let i = 0; i < cores; i++) into.cpuPct[i] = Math.max(share, this.#allowedPct[i] ?? Number.NaN);
  }

  /** Puts the use of the cores that we may run on into `#allowedPct` and gives their number. */
  #collectAllowed(): number {
    const cpu = this.#cpu;
    if (this.#allowedPct.length < cpu.count) this.#allowedPct = new Float64Array(cpu.count * 2);
    const only = this.#cgroup?.cores ?? null;
    let count = 0;
    for (let place = 0; place < cpu.count; place++) {
      if (only === null || only.has(cpu.numberOf(place))) this.#allowedPct[count++] = cpu.useOf(place);
    }
    if (count > 0) return count;
    // A list that names no core of this host is of no use.
    for (let place = 0; place < cpu.count; place++) this.#allowedPct[place] = cpu.useOf(place);
    return cpu.count;
  }

  #sampleMemory(into: Sample): void {
    into.memoryTotalBytes = Number.NaN;
    into.memoryAvailBytes = Number.NaN;
    try {
      this.#memory.read();
      this.#options.complaints.worked("memory");
    } catch (error) {
      this.#options.complaints.failed("memory", error);
      return;
    }
    const { totalBytes, availBytes } = this.#memory;
    into.memoryTotalBytes = Math.min(totalBytes, this.#cgroup?.memoryLimitBytes ?? totalBytes);
    into.memoryAvailBytes = Math.min(availBytes, this.#cgroup?.memoryAvailBytes ?? availBytes);
    if (Number.isNaN(into.memoryAvailBytes)) {
      this.#options.complaints.failed("available memory", "neither the host nor the control group tells it");
    } else {
      this.#options.complaints.worked("available memory");
    }
  }

  #sampleDisk(into: Sample): void {
    try {
      readDisk(this.#options.diskPath, into);
      this.#options.complaints.worked("disk");
    } catch (error) {
      into.diskTotalBytes = Number.NaN;
      into.diskUsedBytes = Number.NaN;
      into.diskAvailBytes = Number.NaN;
      this.#options.complaints.failed("disk", `disk_path ${this.#options.diskPath}: ${String(error)}`);
    }
  }
}

/** The devices of all sources as one list; the list before is kept while it is still right. */
export function allDevices(sources: readonly GpuSource[], before: Sample["gpus"]): Sample["gpus"] {
  const count = sources.reduce((sum, source) => sum + source.devices.length, 0);
  return count === before.length ? before : sources.flatMap((source) => source.devices);
}
