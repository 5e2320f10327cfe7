/** Shares as colour: cores as a strip, one share as a bar. */
import { memo } from "./memo.ts";

/** More cores than that share cells, of which each shows its busiest. */
const MAX_CELLS = 48;
const STEPS = 10;

/** Class of the colour for a share of 0 to 100. */
export function heatClass(pct: number): string {
  return `h${Math.max(0, Math.min(STEPS, Math.round(pct / STEPS)))}`;
}

/** Every core of a backend; the busiest count, so none is averaged away. */
export const HeatStrip = memo(function HeatStrip({
  cores,
  what = "cores",
}: {
  readonly cores: readonly number[] | null | undefined;
  readonly what?: string;
}) {
  if (cores === null || cores === undefined || cores.length === 0) {
    return <span class="heat-none">no report</span>;
  }
  const cells = cellsOf(cores);
  const mean = cores.reduce((sum, each) => sum + each, 0) / cores.length;
  const label = `${cores.length} ${what}, ${Math.round(mean)}% on average, the busiest ${Math.round(Math.max(...cores))}%`;
  return (
    <span class="heat-strip" role="img" aria-label={label} title={label}>
      {cells.map((pct, index) => (
        <i key={index} class={heatClass(pct)} />
      ))}
    </span>
  );
});

export function Bar({ pct, label }: { readonly pct: number | null | undefined; readonly label: string }) {
  const known = pct === null || pct === undefined ? null : Math.max(0, Math.min(100, pct));
  return (
    <span
      class="bar"
      role="img"
      aria-label={`${label}: ${known === null ? "unknown" : `${Math.round(known)}%`}`}
    >
      <i class={heatClass(known ?? 0)} style={{ width: `${known ?? 0}%` }} />
    </span>
  );
}

function cellsOf(cores: readonly number[]): readonly number[] {
  if (cores.length <= MAX_CELLS) return cores;
  const cells: number[] = Array.from({ length: MAX_CELLS }, () => 0);
  for (const [index, pct] of cores.entries()) {
    const cell = Math.floor((index * MAX_CELLS) / cores.length);
    cells[cell] = Math.max(cells[cell] ?? 0, pct);
  }
  return cells;
}
