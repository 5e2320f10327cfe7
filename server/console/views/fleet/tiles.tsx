/** A tile for each backend: a thousand of them fit on a screen. */
import { useState } from "preact/hooks";
import { meanOf } from "../../store/state.ts";
import type { Backend } from "../../types.ts";
import { percent } from "../../ui/format.ts";
import { heatClass } from "../../ui/heat.tsx";
import { Segmented, toneOf } from "../../ui/parts.tsx";
import { gpuOf, nameOf } from "./choose.ts";

type By = "cpu" | "memory" | "disk" | "gpu";

const BY = [
  { value: "cpu", label: "CPU" },
  { value: "memory", label: "Memory" },
  { value: "disk", label: "Disk" },
  { value: "gpu", label: "GPU" },
] as const;

const STEPS = Array.from({ length: 11 }, (_, step) => step * 10);

export function Tiles({
  backends,
  onOpen,
}: {
  readonly backends: readonly Backend[];
  readonly onOpen: (id: string) => void;
}) {
  const [by, setBy] = useState<By>("cpu");
  return (
    <section class="panel heat-map" aria-label="Heat map">
      <div class="heat-head">
        <Segmented label="Colour by" value={by} options={BY} onChange={setBy} />
        <p class="scale" aria-hidden="true">
          idle
          {STEPS.map((pct) => (
            <i key={pct} class={heatClass(pct)} />
          ))}
          busy
        </p>
      </div>
      <ul class={`heat-tiles ${backends.length > 120 ? "tiny" : ""}`}>
        {backends.map((backend) => (
          <li key={backend.id}>
            <Tile backend={backend} by={by} onOpen={onOpen} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tile({
  backend,
  by,
  onOpen,
}: {
  readonly backend: Backend;
  readonly by: By;
  readonly onOpen: (id: string) => void;
}) {
  const pct = shareOf(backend, by);
  const { status = "unknown" } = backend;
  const label = `${nameOf(backend)}: ${by} ${percent(pct)}, ${status}`;
  const isOut = backend.routable === false ? `out ${toneOf(status)}` : "";
  return (
    <button
      type="button"
      class={`heat-tile ${pct === null ? "h-none" : heatClass(pct)} ${isOut}`}
      aria-label={label}
      title={label}
      onClick={() => onOpen(backend.id)}
    />
  );
}

function shareOf(backend: Backend, by: By): number | null {
  if (by === "cpu")
    return backend.cpu_pct === null || backend.cpu_pct === undefined ? null : meanOf(backend.cpu_pct);
  if (by === "gpu") return gpuOf(backend);
  return (by === "memory" ? backend.memory_pct : backend.disk_pct) ?? null;
}
