/** Chooses the sampler for this machine. */
import { readdirSync } from "node:fs";
import { Complaints } from "../complaints.ts";
import type { Logger } from "../logger.ts";
import { AmdSource } from "./amd.ts";
import { LinuxSampler } from "./linux.ts";
import { NvmlSource, nvmlCandidates } from "./nvml.ts";
import { PortableSampler } from "./portable.ts";
import type { GpuSource, Sampler } from "./sample.ts";

export interface SamplerOptions {
  readonly platform: string;
  readonly arch: string;
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly diskPath: string;
  readonly log: Logger;
  readonly monotonicMs: () => number;
}

/** Opens the sampler of the platform, with the GPUs that the machine has. */
export function openSampler(options: SamplerOptions): Sampler {
  const { platform, env, diskPath, log } = options;
  const complaints = new Complaints(log);
  // A container that is given the host's /proc or /sys is asked to report the host, not itself.
  const hostProc = hostRoot(env.HOST_PROC, "HOST_PROC", log);
  const hostSys = hostRoot(env.HOST_SYS, "HOST_SYS", log);
  const roots = { proc: hostProc ?? "/proc", sys: hostSys ?? "/sys" };
  const gpus = openGpus(options, complaints, roots.sys);
  if (platform !== "linux") return new PortableSampler({ diskPath, gpus, complaints });
  const ownCgroup = hostProc === null && hostSys === null;
  const { pid, monotonicMs } = options;
  return new LinuxSampler({ roots, ownCgroup, pid, diskPath, gpus, complaints, monotonicMs });
}

/** The mount that a variable names; null when it names none or nothing is mounted there. */
function hostRoot(path: string | undefined, variable: string, log: Logger): string | null {
  if (path === undefined || path === "") return null;
  if (readableDirectory(path)) return path.replace(/\/+$/, "");
  log.info(`${variable} names no directory with content; this machine's own view is reported`, { path });
  return null;
}

function readableDirectory(path: string): boolean {
  try {
    // An image may name the usual place of the mount although nobody mounted anything: then it is empty.
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

function openGpus(options: SamplerOptions, complaints: Complaints, sysRoot: string): GpuSource[] {
  const { platform, arch, env, log } = options;
  const nvidia = NvmlSource.open(nvmlCandidates(platform, arch, env), log, complaints);
  const amd = platform === "linux" ? AmdSource.find(sysRoot, nvidia?.reservedIds ?? 0) : null;
  const sources = [nvidia, amd].filter((source) => source !== null);
  for (const device of sources.flatMap((source) => source.devices)) {
    log.info("GPU found", { device_id: device.deviceId, name: device.name, uuid: device.uuid });
  }
  return sources;
}
