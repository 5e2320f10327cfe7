/**
 * The sampler for macOS and Windows, through systeminformation, which is loaded only where it is used: it may
 * start child processes, so disk space is looked up rarely by it and usually by statfs.
 */
import type { Complaints } from "../complaints.ts";
import { readDisk } from "./disk.ts";
import { allDevices } from "./linux.ts";
import { fitCores, type GpuSource, type Sample, type Sampler } from "./sample.ts";

export interface PortableSamplerOptions {
  readonly diskPath: string;
  readonly gpus: readonly GpuSource[];
  readonly complaints: Complaints;
}

type SystemInformation = typeof import("systeminformation");

export class PortableSampler implements Sampler {
  readonly #options: PortableSamplerOptions;
  #library: SystemInformation | null = null;

  constructor(options: PortableSamplerOptions) {
    this.#options = options;
  }

  async sample(into: Sample): Promise<void> {
    this.#library ??= await import("systeminformation");
    await this.#attempt("CPU", () => this.#sampleCpu(into));
    into.memoryTotalBytes = Number.NaN;
    into.memoryAvailBytes = Number.NaN;
    await this.#attempt("memory", () => this.#sampleMemory(into));
    into.diskTotalBytes = Number.NaN;
    into.diskUsedBytes = Number.NaN;
    into.diskAvailBytes = Number.NaN;
    await this.#attempt("disk", () => readDisk(this.#options.diskPath, into));
    for (const source of this.#options.gpus) source.refresh();
    into.gpus = allDevices(this.#options.gpus, into.gpus);
  }

  close(): void {
    for (const source of this.#options.gpus) source.close();
  }

  async #sampleCpu(into: Sample): Promise<void> {
    into.cpuPct.fill(Number.NaN);
    const load = await this.#library?.currentLoad();
    if (load === undefined || load.cpus.length === 0) throw new Error("systeminformation lists no core");
    fitCores(into, load.cpus.length);
    // Use since the call before; the first call gives the use since the system started.
    load.cpus.forEach((core, index) => {
      into.cpuPct[index] = core.load;
    });
  }

  async #sampleMemory(into: Sample): Promise<void> {
    const memory = await this.#library?.mem();
    if (memory === undefined || !(memory.total > 0)) throw new Error("systeminformation tells no memory");
    into.memoryTotalBytes = memory.total;
    into.memoryAvailBytes = memory.available;
  }

  async #attempt(kind: string, action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
      this.#options.complaints.worked(kind);
    } catch (error) {
      this.#options.complaints.failed(kind, error);
    }
  }
}
