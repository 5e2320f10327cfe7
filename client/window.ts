/** The averaging window of an agent: samples in, time-weighted means out. Pure: the clock is an argument. */
import type { GpuSample, Sample } from "./sampler/sample.ts";
import { TimeSeries } from "./time-series.ts";

/**
 * The longest time that one sample speaks for. Samples come each second; after a longer gap (a suspended
 * machine, a stopped process) what was in between is unknown and weighs nothing.
 */
const MAX_STRETCH_MS = 5000;

/**
 * What the first sample stands for. It holds the CPU use since the system started, which damps the burst of our
 * own start in the sample that follows as soon, and then fades from the window.
 */
const FIRST_STRETCH_MS = 200;

const MEMORY_USED = 0;
const DISK_USED = 1;
const GPU_COLUMNS = 4;

export interface GpuAverages {
  readonly device: GpuSample;
  readonly utilizationPct: number;
  readonly memoryUsedBytes: number;
  readonly temperatureC: number;
  readonly powerW: number;
}

/** Means over the window; NaN where nothing is known. */
export interface Averages {
  readonly cpuPct: readonly number[];
  readonly memoryUsedBytes: number;
  readonly diskUsedBytes: number;
  readonly gpus: readonly GpuAverages[];
}

export class Window {
  readonly #windowMs: number;
  #cpu: TimeSeries;
  #host: TimeSeries;
  #gpus: TimeSeries;
  #devices: readonly GpuSample[] = [];
  #lastMs = Number.NaN;
  readonly #hostValues = new Float64Array(2);
  #gpuValues = new Float64Array(0);

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#cpu = new TimeSeries(windowMs, 0);
    this.#host = new TimeSeries(windowMs, this.#hostValues.length);
    this.#gpus = new TimeSeries(windowMs, 0);
  }

  /** Adds a sample taken at `nowMs` on the wall clock, which goes on while the machine is suspended. */
  add(nowMs: number, sample: Sample): void {
    // A clock that was set back leaves no order between old samples and new ones: start over.
    if (nowMs < this.#lastMs) this.#forget();
    const stretchMs = Number.isNaN(this.#lastMs)
      ? FIRST_STRETCH_MS
      : Math.min(nowMs - this.#lastMs, MAX_STRETCH_MS);
    this.#lastMs = nowMs;
    if (stretchMs <= 0) return;
    if (sample.cores !== this.#cpu.width) this.#cpu = new TimeSeries(this.#windowMs, sample.cores);
    this.#cpu.add(nowMs, stretchMs, sample.cpuPct);
    this.#hostValues[MEMORY_USED] = sample.memoryTotalBytes - sample.memoryAvailBytes;
    this.#hostValues[DISK_USED] = sample.diskUsedBytes;
    this.#host.add(nowMs, stretchMs, this.#hostValues);
    this.#addGpus(nowMs, stretchMs, sample.gpus);
  }

  /** Gives the means over the window that ends at `nowMs`. */
  averages(nowMs: number): Averages {
    return {
      cpuPct: Array.from({ length: this.#cpu.width }, (_, core) => this.#cpu.mean(nowMs, core)),
      memoryUsedBytes: this.#host.mean(nowMs, MEMORY_USED),
      diskUsedBytes: this.#host.mean(nowMs, DISK_USED),
      gpus: this.#devices.map((device, index) => this.#gpuAverages(nowMs, device, index)),
    };
  }

  #addGpus(nowMs: number, stretchMs: number, devices: readonly GpuSample[]): void {
    if (devices.length * GPU_COLUMNS !== this.#gpus.width) {
      this.#gpus = new TimeSeries(this.#windowMs, devices.length * GPU_COLUMNS);
      this.#gpuValues = new Float64Array(devices.length * GPU_COLUMNS);
    }
    this.#devices = devices;
    let at = 0;
    for (const device of devices) {
      this.#gpuValues[at++] = device.utilizationPct;
      this.#gpuValues[at++] = device.memoryUsedBytes;
      this.#gpuValues[at++] = device.temperatureC;
      this.#gpuValues[at++] = device.powerW;
    }
    this.#gpus.add(nowMs, stretchMs, this.#gpuValues);
  }

  #gpuAverages(nowMs: number, device: GpuSample, index: number): GpuAverages {
    const column = index * GPU_COLUMNS;
    return {
      device,
      utilizationPct: this.#gpus.mean(nowMs, column),
      memoryUsedBytes: this.#gpus.mean(nowMs, column + 1),
      temperatureC: this.#gpus.mean(nowMs, column + 2),
      powerW: this.#gpus.mean(nowMs, column + 3),
    };
  }

  #forget(): void {
    this.#cpu = new TimeSeries(this.#windowMs, this.#cpu.width);
    this.#host = new TimeSeries(this.#windowMs, this.#host.width);
    this.#gpus = new TimeSeries(this.#windowMs, this.#gpus.width);
    this.#lastMs = Number.NaN;
  }
}
