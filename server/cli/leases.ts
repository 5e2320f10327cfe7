/** `opsen-server leases`: capacity that is held. */
import { Api } from "./connection/api.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./failure.ts";
import { type Json, listOf, numberOf, record, textOf } from "./json.ts";
import { span } from "./view/figures.ts";
import { type Column, table } from "./view/table.ts";

const COLUMNS: readonly Column<Json>[] = [
  { head: "LEASE", cell: (row) => textOf(row, "lease_id") ?? "" },
  { head: "BACKEND", cell: (row) => textOf(row, "client_id") ?? "" },
  { head: "TIER", cell: (row) => textOf(row, "tier") ?? "" },
  { head: "KIND", cell: (row) => textOf(row, "kind") ?? "" },
  { head: "HELD", cell: (row) => span(numberOf(row, "held_seconds")), alignRight: true },
  { head: "EXPIRES IN", cell: (row) => span(numberOf(row, "expires_in_seconds")), alignRight: true },
];

export async function leases(context: Context): Promise<number> {
  const { given, columns, out } = context;
  const answer = await Api.of(context).ask("GET", "/leases");
  if (given.on("json")) {
    out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const rows = listOf(record(answer.json), "leases").map(record);
  out(rows.length === 0 ? "no leases\n" : table(COLUMNS, rows, columns));
  return EXIT.ok;
}
