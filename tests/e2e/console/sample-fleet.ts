/** Fleets that look like ones that people have, for the console's tests and pictures. */
import { FakeAgent, type FakeAgentOptions } from "../../support/fake-agent.ts";
import type { Json } from "../../support/json.ts";
import { type Seeded, seeded } from "../../support/seeded.ts";
import type { TestServer } from "../../support/server.ts";

export const KEY = "sample-key-of-the-console-0123456789abcdef";

/** What a member of the fleet is like; its figures wander about these. */
interface Kind {
  readonly name: string;
  readonly cores: number;
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  readonly gpus: number;
  readonly place: readonly [latitude: number, longitude: number];
}

const THREE: readonly Kind[] = [
  { name: "ams-api-1", cores: 16, cpu: 34, memory: 48, disk: 41, gpus: 0, place: [52.37, 4.9] },
  { name: "fra-gpu-1", cores: 32, cpu: 63, memory: 71, disk: 66, gpus: 2, place: [50.11, 8.68] },
  { name: "nyc-api-1", cores: 8, cpu: 82, memory: 64, disk: 28, gpus: 0, place: [40.71, -74] },
];

const CITIES = ["ams", "fra", "nyc", "sfo", "sin", "gru", "lhr", "nrt", "syd", "jnb"];
const SIZES = [4, 8, 16, 32, 64];

/** A fleet of that many members, whose figures can be moved on. */
export class SampleFleet {
  readonly #agents: { readonly agent: FakeAgent; readonly kind: Kind }[] = [];
  readonly #chance: Seeded;

  private constructor(chance: Seeded) {
    this.#chance = chance;
  }

  /** Registers the members at a server; all have their requests sent to `url`. */
  static async join(
    server: TestServer,
    count: number,
    url: (index: number) => string,
    seed = 7,
  ): Promise<SampleFleet> {
    const fleet = new SampleFleet(seeded(seed));
    const kinds = count <= THREE.length ? THREE.slice(0, count) : fleet.#many(count);
    for (const [index, kind] of kinds.entries()) {
      const agent = await FakeAgent.join(server, {
        ...fleet.#optionsOf(kind),
        endpoint: url(index),
        key: KEY,
      });
      fleet.#agents.push({ agent, kind });
    }
    return fleet;
  }

  /** Has every member, or the first few, report anew. */
  async report(most = this.#agents.length): Promise<void> {
    for (const { agent, kind } of this.#agents.slice(0, most)) {
      const { cores, memory, disk, gpus } = this.#figuresOf(kind);
      await agent.report({
        cpu_usage_avg: cores,
        memory_used_gb: memory,
        memory_avail_gb: 64 - memory,
        disk_used_gb: disk,
        disk_avail_gb: 500 - disk,
        ...(gpus.length > 0 && { gpus }),
      });
    }
  }

  #optionsOf(kind: Kind): FakeAgentOptions {
    const { cores, memory, disk, gpus } = this.#figuresOf(kind);
    const [latitude, longitude] = kind.place;
    return {
      id: `${kind.name}.example.net`,
      hostname: kind.name,
      cpu: cores,
      memoryAvailGb: 64 - memory,
      diskAvailGb: 500 - disk,
      gpus,
      latitude,
      longitude,
    };
  }

  #figuresOf(kind: Kind) {
    const near = (mean: number, spread: number): number =>
      Math.round(Math.max(1, Math.min(99, mean + (this.#chance.next() + this.#chance.next() - 1) * spread)));
    const gpus: Json[] = Array.from({ length: kind.gpus }, (_, index) => ({
      device_id: index,
      name: "NVIDIA L40S",
      utilization_pct: near(index === 0 ? 78 : 35, 20),
      memory_used_gb: near(index === 0 ? 30 : 12, 4),
      memory_total_gb: 48,
      temperature_c: near(64, 8),
    }));
    return {
      cores: Array.from({ length: kind.cores }, () => near(kind.cpu, 34)),
      memory: (near(kind.memory, 4) * 64) / 100,
      disk: (kind.disk * 500) / 100,
      gpus,
    };
  }

  #many(count: number): readonly Kind[] {
    return Array.from({ length: count }, (_, index) => {
      const busy = this.#chance.next() ** 2;
      const isGpu = this.#chance.next() < 0.2;
      return {
        name: `${this.#chance.pick(CITIES)}-${isGpu ? "gpu" : "api"}-${index + 1}`,
        cores: this.#chance.pick(SIZES),
        cpu: Math.round(8 + busy * 88),
        memory: Math.round(20 + this.#chance.next() * 70),
        disk: Math.round(10 + this.#chance.next() * 75),
        gpus: isGpu ? 4 : 0,
        place: [this.#chance.next() * 100 - 50, this.#chance.next() * 300 - 150] as const,
      };
    });
  }
}
