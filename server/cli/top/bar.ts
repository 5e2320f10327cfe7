/** A bar of a fixed number of cells, with eighths of a cell where the terminal can. */

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const FULL = "█";

/** Draws `share` (0 to 1) of `cells`; what is above nothing is never drawn as nothing. */
export function bar(share: number, cells: number, isAscii: boolean): string {
  const inside = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  if (isAscii) {
    const filled = inside > 0 ? Math.max(1, Math.round(inside * cells)) : 0;
    return "#".repeat(Math.min(filled, cells)).padEnd(cells, ".");
  }
  const eighths = inside > 0 ? Math.max(1, Math.round(inside * cells * 8)) : 0;
  const text = FULL.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
  return text.slice(0, cells).padEnd(cells);
}
