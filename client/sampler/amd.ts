/** AMD GPUs from sysfs, where the kernel's amdgpu driver tells what it knows. */
import { readdirSync } from "node:fs";
import { PseudoFile } from "./pseudo-file.ts";
import { type GpuSample, type GpuSource, unknownGpu } from "./sample.ts";

const AMD_VENDOR = "0x1002";
const MAX_GPUS = 32;
const MILLI = 1000;
const MICRO = 1_000_000;

export class AmdSource implements GpuSource {
  readonly #cards: readonly Card[];
  readonly devices: readonly GpuSample[];

  private constructor(cards: readonly Card[]) {
    this.#cards = cards;
    this.devices = cards.map((card) => card.device);
  }

  /** Finds the cards; null without any. Their numbers follow `firstId`, in the order of the kernel's names. */
  static find(sysRoot: string, firstId: number): AmdSource | null {
    const drm = `${sysRoot}/class/drm`;
    const directories = namesIn(drm)
      // Connectors have names such as card0-DP-1.
      .filter((name) => /^card\d+$/.test(name))
      .toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4)))
      .map((name) => `${drm}/${name}/device`)
      .filter((directory) => textOf(`${directory}/vendor`) === AMD_VENDOR);
    const room = Math.max(0, MAX_GPUS - firstId);
    const cards = directories.slice(0, room).map((directory, at) => new Card(directory, firstId + at));
    return cards.length === 0 ? null : new AmdSource(cards);
  }

  refresh(): void {
    for (const card of this.#cards) card.refresh();
  }

  close(): void {
    for (const card of this.#cards) card.close();
  }
}

class Card {
  readonly device: GpuSample;
  readonly #busy: PseudoFile;
  readonly #vramTotal: PseudoFile;
  readonly #vramUsed: PseudoFile;
  readonly #temperature: PseudoFile;
  readonly #power: PseudoFile;

  constructor(directory: string, deviceId: number) {
    this.device = unknownGpu(deviceId);
    const product = textOf(`${directory}/product_name`);
    this.device.name = product === "" ? `AMD GPU ${textOf(`${directory}/device`)}`.trim() : product;
    this.device.uuid = textOf(`${directory}/unique_id`);
    this.#busy = new PseudoFile(`${directory}/gpu_busy_percent`, 64);
    this.#vramTotal = new PseudoFile(`${directory}/mem_info_vram_total`, 64);
    this.#vramUsed = new PseudoFile(`${directory}/mem_info_vram_used`, 64);
    const sensors = `${directory}/hwmon/${namesIn(`${directory}/hwmon`)[0] ?? "none"}`;
    this.#temperature = new PseudoFile(`${sensors}/temp1_input`, 64);
    // Newer chips tell the power of the moment only.
    const power = textOf(`${sensors}/power1_average`) === "" ? "power1_input" : "power1_average";
    this.#power = new PseudoFile(`${sensors}/${power}`, 64);
  }

  refresh(): void {
    this.device.utilizationPct = this.#busy.number();
    this.device.memoryTotalBytes = this.#vramTotal.number();
    this.device.memoryUsedBytes = this.#vramUsed.number();
    this.device.temperatureC = this.#temperature.number() / MILLI;
    this.device.powerW = this.#power.number() / MICRO;
  }

  close(): void {
    for (const file of [this.#busy, this.#vramTotal, this.#vramUsed]) file.close();
    for (const file of [this.#temperature, this.#power]) file.close();
  }
}

/** Names in a directory, sorted; none when it cannot be read. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  const file = new PseudoFile(path, 256);
  const text = file.text() ?? "";
  file.close();
  return text;
}
