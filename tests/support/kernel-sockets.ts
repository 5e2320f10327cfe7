/** What the kernel of Linux knows of the TCP connections of this host (proc(5), /proc/net/tcp). */
import { readFileSync } from "node:fs";

export interface KernelSocket {
  readonly localPort: number;
  readonly remotePort: number;
  /** It is being made, is there, or waits for us to close it; not one that we have closed. */
  readonly isOurs: boolean;
  /** Seconds until the kernel asks a silent peer whether it is still there; null when it is not going to. */
  readonly keepAliveSeconds: number | null;
}

/** ESTABLISHED, SYN_SENT and CLOSE_WAIT of the kernel's tcp_states.h. */
const OURS: ReadonlySet<string> = new Set(["01", "02", "08"]);
/** Keep-alive; a delayed acknowledgement looks the same, but is due within a fraction of a second. */
const KEEP_ALIVE_TIMER = "02";
/** The kernel counts in USER_HZ. */
const TICKS_PER_SECOND = 100;

/** The IPv4 sockets to a port. */
export function socketsTo(port: number): KernelSocket[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  // There may be thousands, and few of them are meant.
  const lines = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .filter((line) => line.includes(suffix));
  return lines.map(parse).filter((socket) => socket.remotePort === port);
}

function parse(line: string): KernelSocket {
  const [, local = "", remote = "", state = "", , timer = ""] = line.trim().split(/\s+/);
  const [kind, ticks = "0"] = timer.split(":");
  return {
    localPort: portOf(local),
    remotePort: portOf(remote),
    isOurs: OURS.has(state),
    keepAliveSeconds: kind === KEEP_ALIVE_TIMER ? Number.parseInt(ticks, 16) / TICKS_PER_SECOND : null,
  };
}

function portOf(address: string): number {
  return Number.parseInt(address.split(":")[1] ?? "0", 16);
}
