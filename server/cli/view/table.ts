/** Tables of plain text, as wide as their content or the terminal. */
import { cleanText } from "./clean.ts";

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** Figures stand under each other. */
  readonly alignRight?: true;
}

const GAP = "  ";
const ELLIPSIS = "…";

/** Lays a table out; columns that no row has anything in are left out. A null `columns` means any width. */
export function table<Row>(
  shape: readonly Column<Row>[],
  rows: readonly Row[],
  columns: number | null,
): string {
  const cells = rows.map((row) => shape.map(({ cell }) => cleanText(cell(row))));
  const used = shape.flatMap((_, at) => (cells.some((row) => (row[at] ?? "") !== "") ? [at] : []));
  const widths = used.map((at) =>
    Math.max(Bun.stringWidth(shape[at]?.head ?? ""), ...cells.map((row) => Bun.stringWidth(row[at] ?? ""))),
  );
  const line = (texts: readonly string[]): string => {
    const parts = used.map((at, index) => {
      const text = texts[at] ?? "";
      const padding = " ".repeat(Math.max(0, (widths[index] ?? 0) - Bun.stringWidth(text)));
      return shape[at]?.alignRight === true ? padding + text : text + padding;
    });
    return fit(parts.join(GAP).trimEnd(), columns);
  };
  return [line(shape.map(({ head }) => head)), ...cells.map(line)].map((each) => `${each}\n`).join("");
}

/** Cuts a line to a width, saying so by its last character. */
export function fit(text: string, columns: number | null): string {
  if (columns === null || Bun.stringWidth(text) <= columns) return text;
  let cut = "";
  let width = 0;
  for (const character of text) {
    const next = Bun.stringWidth(character);
    if (width + next > columns - 1) break;
    cut += character;
    width += next;
  }
  return columns <= 0 ? "" : cut + ELLIPSIS;
}
