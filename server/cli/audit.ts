/** `opsen-server audit`: who changed what. */
import { Api } from "./connection/api.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./failure.ts";
import { type Json, listOf, record, textOf } from "./json.ts";
import { changesText } from "./view/changes.ts";
import { type Column, table } from "./view/table.ts";

const DEFAULT_LIMIT = 50;

const COLUMNS: readonly Column<Json>[] = [
  { head: "AT", cell: (row) => textOf(row, "at") ?? "" },
  { head: "BY", cell: (row) => textOf(row, "actor") ?? "" },
  { head: "ACTION", cell: (row) => textOf(row, "action") ?? "" },
  { head: "TARGET", cell: (row) => textOf(row, "target") ?? "" },
  { head: "KEPT", cell: (row) => (row.persist === true ? "yes" : row.persist === false ? "no" : "") },
  { head: "CHANGES", cell: (row) => changesText(listOf(row, "changes")).join("; ") },
];

export async function audit(context: Context): Promise<number> {
  const { given, columns, out } = context;
  const limit = given.number("limit") ?? DEFAULT_LIMIT;
  const answer = await Api.of(context).ask("GET", `/audit?limit=${limit}`);
  if (given.on("json")) {
    out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const rows = listOf(record(answer.json), "entries").map(record);
  out(rows.length === 0 ? "nothing has been changed\n" : table(COLUMNS, rows, columns));
  return EXIT.ok;
}
