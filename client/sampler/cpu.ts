/**
 * Use of each core from /proc/stat: the share of busy ticks among the ticks since the reading before; the first
 * reading gives the use since the system started.
 */
import { PseudoFile } from "./pseudo-file.ts";

/** Columns of a `cpuN` line that make up its time (proc_stat(5)); guest time is part of user time already. */
const COLUMNS = 8;
const IDLE = 3;
const IOWAIT = 4;
const SPACE = 32;

export class CpuReader {
  readonly #file: PseudoFile;
  /** Total and idle ticks of each core at the last reading, by the kernel's core number. */
  #total = new Float64Array(64);
  #idle = new Float64Array(64);
  /** Numbers and use of the cores of the last reading, in the kernel's order. */
  #numbers = new Int32Array(64);
  #usePct = new Float64Array(64);
  #position = 0;
  count = 0;

  constructor(procRoot: string) {
    this.#file = new PseudoFile(`${procRoot}/stat`, 16_384);
  }

  /** The kernel's number of the core at a place of the last reading. */
  numberOf(place: number): number {
    return this.#numbers[place] ?? -1;
  }

  /** Use of the core at a place of the last reading, 0 to 100; NaN when no tick has passed since the one before. */
  useOf(place: number): number {
    return this.#usePct[place] ?? Number.NaN;
  }

  /** Reads the ticks of every online core. Throws when /proc/stat cannot be read. */
  read(): void {
    const file = this.#file;
    file.read();
    this.count = 0;
    // The first line sums all cores; theirs follow it, before anything else.
    let at = file.nextLine(0);
    for (; at >= 0 && file.startsWith("cpu", at); at = file.nextLine(at)) {
      const core = file.numberAt(at + 3);
      if (Number.isNaN(core)) break;
      this.#position = file.bytes.indexOf(SPACE, at);
      this.#readCore(core);
    }
    if (this.count === 0) throw new Error(`${file.path} lists no core`);
  }

  close(): void {
    this.#file.close();
  }

  #readCore(core: number): void {
    let total = 0;
    let idle = 0;
    for (let column = 0; column < COLUMNS; column++) {
      const ticks = this.#nextNumber();
      total += ticks;
      // A core that waits for a disk can be used by another task: iowait is a kind of idle.
      if (column === IDLE || column === IOWAIT) idle += ticks;
    }
    this.#fit(core);
    const passed = total - (this.#total[core] ?? 0);
    // iowait may run backwards (proc_stat(5)), hence the bounds.
    const idlePassed = Math.min(Math.max(idle - (this.#idle[core] ?? 0), 0), passed);
    this.#numbers[this.count] = core;
    this.#usePct[this.count] = passed > 0 ? (100 * (passed - idlePassed)) / passed : Number.NaN;
    this.#total[core] = total;
    this.#idle[core] = idle;
    this.count++;
  }

  #nextNumber(): number {
    const { bytes } = this.#file;
    let at = this.#position;
    while (bytes[at] === SPACE) at++;
    let value = 0;
    for (;;) {
      const digit = (bytes[at] ?? 0) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    this.#position = at;
    return value;
  }

  #fit(core: number): void {
    const needed = Math.max(core, this.count) + 1;
    if (needed <= this.#total.length) return;
    const size = needed * 2;
    this.#total = grown(this.#total, size);
    this.#idle = grown(this.#idle, size);
    this.#usePct = grown(this.#usePct, size);
    const numbers = new Int32Array(size);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}

function grown(from: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(size);
  to.set(from);
  return to;
}
