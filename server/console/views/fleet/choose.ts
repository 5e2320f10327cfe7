/** Which backends are shown, and in which order. */
import { meanOf, trailOf } from "../../store/state.ts";
import type { Backend } from "../../types.ts";

export type SortKey =
  | "name"
  | "cpu"
  | "memory"
  | "disk"
  | "gpu"
  | "latency"
  | "in_flight"
  | "connections"
  | "leases"
  | "rate";

export interface Choice {
  readonly text: string;
  /** Empty for all. */
  readonly status: string;
  readonly tag: string;
  readonly sort: SortKey;
  /** The largest first. */
  readonly down: boolean;
}

export const SORTS: readonly { readonly key: SortKey; readonly label: string }[] = [
  { key: "name", label: "name" },
  { key: "cpu", label: "CPU" },
  { key: "memory", label: "memory" },
  { key: "disk", label: "disk" },
  { key: "gpu", label: "GPU" },
  { key: "latency", label: "latency" },
  { key: "in_flight", label: "in flight" },
  { key: "connections", label: "connections" },
  { key: "leases", label: "leases" },
  { key: "rate", label: "requests" },
];

const FIGURES: Readonly<Record<Exclude<SortKey, "name">, (backend: Backend) => number>> = {
  cpu: ({ cpu_pct }) => meanOf(cpu_pct),
  memory: ({ memory_pct }) => memory_pct ?? -1,
  disk: ({ disk_pct }) => disk_pct ?? -1,
  gpu: (backend) => gpuOf(backend) ?? -1,
  latency: ({ latency_ms }) => latency_ms ?? -1,
  in_flight: ({ in_flight }) => in_flight ?? 0,
  connections: ({ connections }) => connections ?? 0,
  leases: ({ leases }) => leases ?? 0,
  rate: ({ id }) => rateOf(id),
};

/** Name that people know it by. */
export function nameOf({ hostname, id }: Backend): string {
  return hostname === undefined || hostname === "" ? id : hostname;
}

/** Use of the busiest GPU; null without one. */
export function gpuOf({ gpus }: Backend): number | null {
  const known = (gpus ?? []).flatMap(({ usage_pct }) => usage_pct ?? []);
  return known.length === 0 ? null : Math.max(...known);
}

/** Requests a second over the last seconds. */
export function rateOf(id: string): number {
  const last = trailOf(id)?.rate.slice(-5) ?? [];
  return last.length === 0 ? 0 : last.reduce((sum, each) => sum + each, 0) / last.length;
}

export function tagsOf(all: readonly Backend[]): readonly string[] {
  return [...new Set(all.flatMap(({ tags }) => tags ?? []))].toSorted();
}

export function chosenOf(all: readonly Backend[], choice: Choice): readonly Backend[] {
  const words = choice.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const found = all.filter(
    (backend) =>
      (choice.status === "" || (backend.status ?? "unknown") === choice.status) &&
      (choice.tag === "" || backend.tags?.includes(choice.tag) === true) &&
      words.every((word) => textOf(backend).includes(word)),
  );
  if (choice.sort === "name") {
    const sorted = found.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b), undefined, { numeric: true }));
    return choice.down ? sorted.toReversed() : sorted;
  }
  const figure = FIGURES[choice.sort];
  return found.toSorted((a, b) => (choice.down ? figure(b) - figure(a) : figure(a) - figure(b)));
}

function textOf({ id, hostname, endpoints, tags, status, source }: Backend): string {
  const urls = (endpoints ?? []).map(({ url }) => url);
  return [id, hostname, ...urls, ...(tags ?? []), status, source].join(" ").toLowerCase();
}
