/**
 * NVIDIA's management library (NVML), which nvidia-smi itself uses, through bun:ffi. Only calls by absolute path:
 * a bare name would also be looked for in the working directory.
 */
import { dlopen, ptr } from "bun:ffi";
import { existsSync } from "node:fs";

/** Results of NVML calls, nvml.h `nvmlReturn_t`. */
const SUCCESS = 0;
/** nvml.h `NVML_TEMPERATURE_GPU`. */
const TEMPERATURE_SENSOR_GPU = 0;
/** nvml.h: a name takes up to 96 bytes, a UUID up to 96. */
const TEXT_BYTES = 96;

/** A device is a pointer, which travels like any other word on all platforms that are built for. */
const SYMBOLS = {
  nvmlInit_v2: { args: [], returns: "i32" },
  nvmlShutdown: { args: [], returns: "i32" },
  nvmlDeviceGetCount_v2: { args: ["ptr"], returns: "i32" },
  nvmlDeviceGetHandleByIndex_v2: { args: ["u32", "ptr"], returns: "i32" },
  nvmlDeviceGetName: { args: ["u64", "ptr", "u32"], returns: "i32" },
  nvmlDeviceGetUUID: { args: ["u64", "ptr", "u32"], returns: "i32" },
  nvmlDeviceGetUtilizationRates: { args: ["u64", "ptr"], returns: "i32" },
  nvmlDeviceGetMemoryInfo: { args: ["u64", "ptr"], returns: "i32" },
  nvmlDeviceGetTemperature: { args: ["u64", "u32", "ptr"], returns: "i32" },
  nvmlDeviceGetPowerUsage: { args: ["u64", "ptr"], returns: "i32" },
} as const;

/** A device, as NVML's own pointer. */
export type NvmlDevice = bigint;

/** NVML's calls as values: what a call that fails would give is NaN or an empty text, never zero. */
export class NvmlLibrary {
  readonly path: string;
  /** Result of the last call, 0 for success; 3, for one, is "not supported". */
  lastCode = SUCCESS;
  readonly #library: ReturnType<typeof dlopen<typeof SYMBOLS>>;
  // One set of output buffers, at fixed addresses for as long as the library lives.
  readonly #u32 = new Uint32Array(2);
  readonly #u64 = new BigUint64Array(3);
  readonly #text = Buffer.alloc(TEXT_BYTES);
  readonly #u32At = ptr(this.#u32);
  readonly #u64At = ptr(this.#u64);
  readonly #textAt = ptr(this.#text);

  private constructor(path: string) {
    this.path = path;
    this.#library = dlopen(path, SYMBOLS);
  }

  /** Opens the first library of the list that exists; null when none does. Throws when it cannot be loaded. */
  static open(candidates: readonly string[]): NvmlLibrary | null {
    const path = candidates.find((candidate) => existsSync(candidate));
    return path === undefined ? null : new NvmlLibrary(path);
  }

  /** Starts NVML; tells whether it did. */
  init(): boolean {
    return this.#succeeded(this.#library.symbols.nvmlInit_v2());
  }

  /** Gives the number of devices, or NaN. */
  count(): number {
    return this.#u32Of(this.#library.symbols.nvmlDeviceGetCount_v2(this.#u32At));
  }

  /** Gives the device at NVML's index, or null. */
  device(index: number): NvmlDevice | null {
    const { nvmlDeviceGetHandleByIndex_v2: call } = this.#library.symbols;
    if (!this.#succeeded(call(index, this.#u64At))) return null;
    const address = this.#u64[0] ?? 0n;
    return address === 0n ? null : address;
  }

  /** Gives the product name, or an empty text. */
  name(device: NvmlDevice): string {
    return this.#textOf(this.#library.symbols.nvmlDeviceGetName(device, this.#textAt, TEXT_BYTES));
  }

  /** Gives the UUID, or an empty text. */
  uuid(device: NvmlDevice): string {
    return this.#textOf(this.#library.symbols.nvmlDeviceGetUUID(device, this.#textAt, TEXT_BYTES));
  }

  /** Gives the share of time in which a kernel ran, 0 to 100, or NaN. */
  utilizationPct(device: NvmlDevice): number {
    // nvmlUtilization_t: gpu, memory.
    return this.#u32Of(this.#library.symbols.nvmlDeviceGetUtilizationRates(device, this.#u32At));
  }

  /** Reads the memory's sizes in bytes; both NaN when they cannot be read. */
  memory(device: NvmlDevice, into: { memoryTotalBytes: number; memoryUsedBytes: number }): void {
    const known = this.#succeeded(this.#library.symbols.nvmlDeviceGetMemoryInfo(device, this.#u64At));
    // nvmlMemory_t: total, free, used.
    into.memoryTotalBytes = known ? Number(this.#u64[0]) : Number.NaN;
    into.memoryUsedBytes = known ? Number(this.#u64[2]) : Number.NaN;
  }

  /** Gives degrees Celsius, or NaN. */
  temperatureC(device: NvmlDevice): number {
    const { nvmlDeviceGetTemperature: call } = this.#library.symbols;
    return this.#u32Of(call(device, TEMPERATURE_SENSOR_GPU, this.#u32At));
  }

  /** Gives watts, or NaN. */
  powerW(device: NvmlDevice): number {
    return this.#u32Of(this.#library.symbols.nvmlDeviceGetPowerUsage(device, this.#u32At)) / 1000;
  }

  /** Ends NVML; the library itself stays loaded until the process ends. */
  shutdown(): void {
    this.#library.symbols.nvmlShutdown();
  }

  #succeeded(code: number): boolean {
    this.lastCode = code;
    return code === SUCCESS;
  }

  #u32Of(code: number): number {
    return this.#succeeded(code) ? (this.#u32[0] ?? Number.NaN) : Number.NaN;
  }

  #textOf(code: number): string {
    if (!this.#succeeded(code)) return "";
    const end = this.#text.indexOf(0);
    return this.#text.toString("utf8", 0, end < 0 ? TEXT_BYTES : end);
  }
}
