/** Memory of the host from /proc/meminfo. */
import { PseudoFile } from "./pseudo-file.ts";

const KIB = 1024;

export class MemoryReader {
  readonly #file: PseudoFile;
  totalBytes = Number.NaN;
  /** What programs may still take without swapping, as the kernel estimates it. */
  availBytes = Number.NaN;

  constructor(procRoot: string) {
    this.#file = new PseudoFile(`${procRoot}/meminfo`, 8192);
  }

  /** Throws when /proc/meminfo cannot be read. */
  read(): void {
    const file = this.#file;
    file.read();
    this.totalBytes = file.field("MemTotal:") * KIB;
    const available = file.field("MemAvailable:");
    // Kernels before 3.14 do not estimate; free memory and caches are what they would have counted.
    this.availBytes = Number.isNaN(available)
      ? (file.field("MemFree:") + file.field("Buffers:") + file.field("Cached:")) * KIB
      : available * KIB;
    if (Number.isNaN(this.totalBytes)) throw new Error(`${file.path} has no MemTotal`);
  }

  close(): void {
    this.#file.close();
  }
}
