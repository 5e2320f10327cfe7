/** What one look at the host gives. Numbers that are not known are NaN; names that are not known are empty. */

export interface GpuSample {
  /** Stable index of the device; a device that fails keeps its number. */
  readonly deviceId: number;
  name: string;
  uuid: string;
  utilizationPct: number;
  memoryUsedBytes: number;
  memoryTotalBytes: number;
  temperatureC: number;
  powerW: number;
}

/** One reusable record: a sampler overwrites all of it each time. */
export interface Sample {
  /** Usable cores; the first so many entries of `cpuPct` count. */
  cores: number;
  /** Use of each core since the sample before, 0 to 100. */
  cpuPct: Float64Array;
  memoryTotalBytes: number;
  memoryAvailBytes: number;
  diskTotalBytes: number;
  diskUsedBytes: number;
  diskAvailBytes: number;
  gpus: readonly GpuSample[];
}

/** Looks at the host. A value that cannot be read is left unknown and tried again next time; nothing throws. */
export interface Sampler {
  /** Fills the record; the caller waits for the promise, if any, before it asks again. */
  sample(into: Sample): void | Promise<void>;
  close(): void;
}

/** A kind of GPU: knows its devices and reads them. */
export interface GpuSource {
  readonly devices: readonly GpuSample[];
  /** Reads every device in place. */
  refresh(): void;
  close(): void;
}

/** A record in which nothing is known. */
export function emptySample(): Sample {
  return {
    cores: 0,
    cpuPct: new Float64Array(16),
    memoryTotalBytes: Number.NaN,
    memoryAvailBytes: Number.NaN,
    diskTotalBytes: Number.NaN,
    diskUsedBytes: Number.NaN,
    diskAvailBytes: Number.NaN,
    gpus: [],
  };
}

/** A device of which nothing but the number is known. */
export function unknownGpu(deviceId: number): GpuSample {
  return {
    deviceId,
    name: "",
    uuid: "",
    utilizationPct: Number.NaN,
    memoryUsedBytes: Number.NaN,
    memoryTotalBytes: Number.NaN,
    temperatureC: Number.NaN,
    powerW: Number.NaN,
  };
}

/** Gives the record room for so many cores. */
export function fitCores(sample: Sample, cores: number): void {
  sample.cores = cores;
  if (sample.cpuPct.length < cores) sample.cpuPct = new Float64Array(cores * 2);
}
