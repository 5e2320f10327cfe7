/**
 * Limits of the control group (version 2) that the agent lives in.
 *
 * The rule: a limit binds the backend beside us if it is set on our group or on any group above it, so every
 * level from our own up to the root of the mount counts and the tightest wins. What a level leaves of memory is
 * `memory.max` less what is in use, where file pages that the kernel would give back at once (`inactive_file`)
 * do not count as used. A CPU limit of Q cores leaves Q (whole cores, at least one), used by the group's own
 * CPU time over Q. `cpuset.cpus.effective` names the cores that our threads may run on.
 *
 * One level is passed over: a systemd service that holds the agent alone. Its limits keep the agent small and
 * say nothing about the backend. Version 1 has no such files, hence no limits.
 */
import { existsSync } from "node:fs";
import { PseudoFile } from "./pseudo-file.ts";

/** Limits hardly ever move; they are read again each minute of samples. */
const REFRESH_SAMPLES = 60;
/** Deeper nesting than this does not happen; systemd and Kubernetes together make about six levels. */
const MAX_LEVELS = 32;

export interface CgroupRoots {
  /** Usually /proc. */
  readonly proc: string;
  /** Usually /sys. */
  readonly sys: string;
}

export class CgroupLimits {
  readonly #levels: readonly Level[];
  readonly #cpuset: PseudoFile | null;
  #samples = 0;

  /** The tightest memory limit; Infinity without one. */
  memoryLimitBytes = Number.POSITIVE_INFINITY;
  /** What the limits leave of memory; Infinity without one, NaN when it cannot be read. */
  memoryAvailBytes = Number.POSITIVE_INFINITY;
  /** The tightest CPU limit, in cores; Infinity without one. */
  quotaCores = Number.POSITIVE_INFINITY;
  /** Share of the CPU limit in use since the sample before, 0 to 100; 0 without a limit, NaN when unknown. */
  quotaUsePct = 0;
  /** Cores that may be used, by the kernel's numbers; null = all. */
  cores: ReadonlySet<number> | null = null;

  private constructor(directories: readonly string[]) {
    this.#levels = directories.map((directory) => new Level(directory));
    const leaf = directories[0];
    this.#cpuset = leaf === undefined ? null : new PseudoFile(`${leaf}/cpuset.cpus.effective`, 256);
  }

  /** Finds the agent's groups; null where version 2 is not in use. */
  static find(roots: CgroupRoots, pid: number): CgroupLimits | null {
    const directories = findDirectories(roots, pid);
    return directories.length === 0 ? null : new CgroupLimits(directories);
  }

  /** Reads what is in use now, and the limits themselves when they are due. */
  sample(nowMs: number): void {
    if (this.#samples++ % REFRESH_SAMPLES === 0) this.#refresh();
    this.memoryAvailBytes = Number.POSITIVE_INFINITY;
    this.quotaUsePct = 0;
    for (const level of this.#levels) {
      level.sample(nowMs);
      // Math.min and Math.max give NaN when either is: what cannot be read is unknown, not free.
      this.memoryAvailBytes = Math.min(this.memoryAvailBytes, level.memoryAvailBytes);
      this.quotaUsePct = Math.max(this.quotaUsePct, level.quotaUsePct);
    }
  }

  close(): void {
    for (const level of this.#levels) level.close();
    this.#cpuset?.close();
  }

  #refresh(): void {
    this.memoryLimitBytes = Number.POSITIVE_INFINITY;
    this.quotaCores = Number.POSITIVE_INFINITY;
    for (const level of this.#levels) {
      level.refresh();
      this.memoryLimitBytes = Math.min(this.memoryLimitBytes, level.memoryLimitBytes);
      this.quotaCores = Math.min(this.quotaCores, level.quotaCores);
    }
    this.cores = parseCoreList(this.#cpuset?.text() ?? "");
  }
}

/** Reads the kernel's list form, such as `0-3,8`; null when it names no core. */
export function parseCoreList(text: string): ReadonlySet<number> | null {
  const cores = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) continue;
    const last = Number(match[2] ?? match[1]);
    for (let core = Number(match[1]); core <= last; core++) cores.add(core);
  }
  return cores.size === 0 ? null : cores;
}

class Level {
  readonly #memoryMax: PseudoFile;
  readonly #memoryCurrent: PseudoFile;
  readonly #memoryStat: PseudoFile;
  readonly #cpuMax: PseudoFile;
  readonly #cpuStat: PseudoFile;
  #usageUs = Number.NaN;
  #sampledMs = Number.NaN;

  memoryLimitBytes = Number.POSITIVE_INFINITY;
  memoryAvailBytes = Number.POSITIVE_INFINITY;
  quotaCores = Number.POSITIVE_INFINITY;
  quotaUsePct = 0;

  constructor(directory: string) {
    this.#memoryMax = new PseudoFile(`${directory}/memory.max`, 64);
    this.#memoryCurrent = new PseudoFile(`${directory}/memory.current`, 64);
    this.#memoryStat = new PseudoFile(`${directory}/memory.stat`);
    this.#cpuMax = new PseudoFile(`${directory}/cpu.max`, 64);
    this.#cpuStat = new PseudoFile(`${directory}/cpu.stat`, 512);
  }

  /** Reads the limits; `max`, or no such file (as in the root group), is no limit. */
  refresh(): void {
    const limit = this.#memoryMax.number();
    this.memoryLimitBytes = Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
    this.quotaCores = parseQuota(this.#cpuMax.text());
  }

  /** Reads what is in use, where there is a limit. */
  sample(nowMs: number): void {
    this.memoryAvailBytes = Number.isFinite(this.memoryLimitBytes)
      ? this.#memoryLeft()
      : Number.POSITIVE_INFINITY;
    this.quotaUsePct = Number.isFinite(this.quotaCores) ? this.#quotaUse(nowMs) : 0;
  }

  close(): void {
    for (const file of [this.#memoryMax, this.#memoryCurrent, this.#memoryStat]) file.close();
    for (const file of [this.#cpuMax, this.#cpuStat]) file.close();
  }

  #memoryLeft(): number {
    const current = this.#memoryCurrent.number();
    // Reading as a number reads the file; the field is then looked up in the same content.
    this.#memoryStat.number();
    const reclaimable = this.#memoryStat.field("inactive_file ");
    const used = current - (Number.isNaN(reclaimable) ? 0 : reclaimable);
    return Math.max(0, this.memoryLimitBytes - Math.max(0, used));
  }

  #quotaUse(nowMs: number): number {
    this.#cpuStat.number();
    const usageUs = this.#cpuStat.field("usage_usec ");
    const usedMs = (usageUs - this.#usageUs) / 1000;
    const passedMs = nowMs - this.#sampledMs;
    this.#usageUs = usageUs;
    this.#sampledMs = nowMs;
    if (!(passedMs > 0)) return Number.NaN;
    return Math.min(100, Math.max(0, (100 * usedMs) / (passedMs * this.quotaCores)));
  }
}

/** Reads `cpu.max`: a quota (or `max`) and a period, both in microseconds. */
function parseQuota(text: string | null): number {
  const [quota, period] = (text ?? "max").split(" ").map(Number);
  if (quota === undefined || period === undefined) return Number.POSITIVE_INFINITY;
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
}

/** Directories of our group and those above it, ours first. */
function findDirectories(roots: CgroupRoots, pid: number): string[] {
  const mount = `${roots.sys}/fs/cgroup`;
  const membership = new PseudoFile(`${roots.proc}/self/cgroup`, 1024);
  const text = membership.text();
  membership.close();
  const path = /^0::(\/.*)$/m.exec(text ?? "")?.[1];
  if (path === undefined || !existsSync(`${mount}/cgroup.controllers`)) return [];
  const names = path.split("/").filter((name) => name !== "");
  // A container that keeps the host's view of paths but mounts its own group as the root has no such directory,
  // and a path that climbs out of the namespace ("/../..") means nothing here: the root is then our group.
  const reachable = !names.includes("..") && existsSync([mount, ...names].join("/"));
  const directories = [mount];
  if (reachable) {
    for (const name of names.slice(0, MAX_LEVELS)) directories.unshift(`${directories[0]}/${name}`);
  }
  const leaf = directories[0];
  if (directories.length > 1 && leaf !== undefined && isOwnService(leaf, pid)) directories.shift();
  return directories;
}

function isOwnService(directory: string, pid: number): boolean {
  if (!directory.endsWith(".service")) return false;
  const processes = new PseudoFile(`${directory}/cgroup.procs`, 256);
  const alone = processes.text() === String(pid);
  processes.close();
  return alone;
}
