/** NVIDIA GPUs through NVML. A device keeps its NVML index for ever, whether or not it can be read. */
import { join } from "node:path";
import type { Complaints } from "../complaints.ts";
import type { Logger } from "../logger.ts";
import { type NvmlDevice, NvmlLibrary } from "./nvml-library.ts";
import { type GpuSample, type GpuSource, unknownGpu } from "./sample.ts";

/** The driver, or one device, may come later: what failed at the start is tried again each minute. */
const RETRY_SAMPLES = 60;
/** The wire takes so many GPUs. */
const MAX_GPUS = 32;
/** Numbers kept free for devices of a driver that is installed but not up yet. */
const RESERVED = 16;

export class NvmlSource implements GpuSource {
  readonly #library: NvmlLibrary;
  readonly #complaints: Complaints;
  #started = false;
  #reserved = RESERVED;
  #samples = 0;
  #handles: (NvmlDevice | null)[] = [];
  #devices: GpuSample[] = [];

  private constructor(library: NvmlLibrary, complaints: Complaints) {
    this.#library = library;
    this.#complaints = complaints;
    this.#start(MAX_GPUS);
    if (this.#started) this.#reserved = this.#devices.length;
  }

  /** Opens the first library that exists; null, with one log line, when there is none. */
  static open(candidates: readonly string[], log: Logger, complaints: Complaints): NvmlSource | null {
    try {
      const library = NvmlLibrary.open(candidates);
      if (library !== null) return new NvmlSource(library, complaints);
      log.info("no NVIDIA GPUs: their management library (NVML) is not installed");
    } catch (error) {
      log.warn("no NVIDIA GPUs: their management library (NVML) cannot be loaded", { reason: String(error) });
    }
    return null;
  }

  get devices(): readonly GpuSample[] {
    return this.#devices;
  }

  /** Devices of other makers are numbered from here, so that no number ever changes hands. */
  get reservedIds(): number {
    return this.#reserved;
  }

  refresh(): void {
    this.#samples++;
    if (this.#samples % RETRY_SAMPLES === 0) this.#retry();
    this.#devices.forEach((device, index) => {
      const handle = this.#handles[index] ?? null;
      if (handle === null) forget(device);
      else this.#read(handle, device);
    });
  }

  close(): void {
    if (this.#started) this.#library.shutdown();
    this.#started = false;
    this.#devices = [];
    this.#handles = [];
  }

  #retry(): void {
    if (!this.#started) this.#start(this.#reserved);
    else this.#findHandles();
  }

  #start(most: number): void {
    if (!this.#library.init()) {
      this.#failed("NVIDIA GPUs (NVML start)");
      return;
    }
    const count = this.#library.count();
    if (Number.isNaN(count)) {
      this.#failed("NVIDIA GPUs (their number)");
      this.#library.shutdown();
      return;
    }
    this.#started = true;
    this.#complaints.worked("NVIDIA GPUs (NVML start)");
    this.#complaints.worked("NVIDIA GPUs (their number)");
    this.#devices = Array.from({ length: Math.min(count, most) }, (_, index) => unknownGpu(index));
    this.#handles = this.#devices.map(() => null);
    this.#findHandles();
  }

  #findHandles(): void {
    for (const [index, device] of this.#devices.entries()) {
      if ((this.#handles[index] ?? null) !== null) continue;
      const handle = this.#library.device(index);
      this.#handles[index] = handle;
      if (handle === null) {
        this.#failed(`GPU ${index}`);
        continue;
      }
      this.#complaints.worked(`GPU ${index}`);
      device.name = this.#library.name(handle);
      device.uuid = this.#library.uuid(handle);
    }
  }

  #read(handle: NvmlDevice, device: GpuSample): void {
    device.utilizationPct = this.#library.utilizationPct(handle);
    this.#note(device.deviceId, "use", device.utilizationPct);
    this.#library.memory(handle, device);
    this.#note(device.deviceId, "memory", device.memoryTotalBytes);
    device.temperatureC = this.#library.temperatureC(handle);
    this.#note(device.deviceId, "temperature", device.temperatureC);
    device.powerW = this.#library.powerW(handle);
    this.#note(device.deviceId, "power", device.powerW);
  }

  #note(deviceId: number, what: string, value: number): void {
    const kind = `${what} of GPU ${deviceId}`;
    if (Number.isNaN(value)) this.#failed(kind);
    else this.#complaints.worked(kind);
  }

  #failed(kind: string): void {
    this.#complaints.failed(kind, `NVML code ${this.#library.lastCode}`);
  }
}

/** Absolute places of the library: distributions, the container toolkit, WSL, and Windows' system folder. */
export function nvmlCandidates(
  platform: string,
  arch: string,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  if (platform === "win32") {
    const system = join(env.SystemRoot ?? "C:\\Windows", "System32", "nvml.dll");
    return [system, "C:\\Program Files\\NVIDIA Corporation\\NVSMI\\nvml.dll"];
  }
  if (platform !== "linux") return [];
  const triple = arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const folders = [
    `/usr/lib/${triple}`,
    `/usr/lib/${triple}/nvidia/current`,
    `/lib/${triple}`,
    "/usr/lib64",
    "/usr/lib64/nvidia",
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",
    "/usr/lib",
  ];
  return folders.map((folder) => `${folder}/libnvidia-ml.so.1`);
}

function forget(device: GpuSample): void {
  device.utilizationPct = Number.NaN;
  device.memoryUsedBytes = Number.NaN;
  device.memoryTotalBytes = Number.NaN;
  device.temperatureC = Number.NaN;
  device.powerW = Number.NaN;
}
