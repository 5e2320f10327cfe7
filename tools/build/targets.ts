/** The platforms that executables are built for, under the names that the release files carry. */

export interface Target {
  /** Suffix of file names: operating system, architecture, and `musl` where it applies. */
  readonly id: string;
  /** What the compiler calls it. */
  readonly compilerTarget: string;
  /** Ending of an executable's name. */
  readonly suffix: "" | ".exe";
}

export const TARGETS: readonly Target[] = [
  target("linux_amd64", "bun-linux-x64"),
  target("linux_arm64", "bun-linux-arm64"),
  target("linux_amd64_musl", "bun-linux-x64-musl"),
  target("linux_arm64_musl", "bun-linux-arm64-musl"),
  target("darwin_amd64", "bun-darwin-x64"),
  target("darwin_arm64", "bun-darwin-arm64"),
  target("windows_amd64", "bun-windows-x64"),
];

/** Gives the target of the machine that this runs on, or null when none is built for it. */
export function hostTarget(): Target | null {
  const os = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  // The Bun that runs this is the one npm chose for the C library of this machine.
  const musl = os === "linux" && process.execPath.includes("musl") ? "_musl" : "";
  return TARGETS.find((each) => each.id === `${os}_${arch}${musl}`) ?? null;
}

function target(id: string, compilerTarget: string): Target {
  return { id, compilerTarget, suffix: id.startsWith("windows") ? ".exe" : "" };
}
