/** `opsen-server explain`: which backend a request would get, and why not the others. */
import { Api } from "./connection/api.ts";
import type { Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { isOn, type Json, listOf, numberOf, record, textOf } from "./json.ts";
import { cleanText } from "./view/clean.ts";
import { decimal, NOTHING, span } from "./view/figures.ts";
import { type Column, table } from "./view/table.ts";

const TERMS = ["distance", "cpu", "memory", "gpu", "latency"] as const;

export async function explain(context: Context): Promise<number> {
  const { given, columns, out } = context;
  const answer = await Api.of(context).ask("POST", "/route/explain", { body: bodyOf(given) });
  if (given.on("json")) {
    out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const outcome = record(answer.json);
  const chosen = textOf(outcome, "chosen");
  const rows = listOf(outcome, "backends").map(record).toSorted(byScore);
  out(
    `tier ${cleanText(textOf(outcome, "tier") ?? "")}: ${chosen === null ? "no backend" : cleanText(chosen)}\n`,
  );
  if (rows.length > 0) out(`\n${table(columnsOf(chosen), rows, columns)}`);
  return EXIT.ok;
}

function bodyOf(given: Inputs): Json {
  const [lat, lon] = [given.number("lat"), given.number("lon")];
  if ((lat === null) !== (lon === null)) {
    throw new CommandFailure(EXIT.usage, "--lat and --lon belong together");
  }
  const fields = {
    tier: given.text("tier"),
    path: given.text("path"),
    client_ip: given.text("ip"),
    client_lat: lat,
    client_lon: lon,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** The best score first, then those that cannot have the request. */
function byScore(a: Json, b: Json): number {
  const [left, right] = [numberOf(a, "score"), numberOf(b, "score")];
  const isEligible = Number(isOn(b, "eligible")) - Number(isOn(a, "eligible"));
  return isEligible || (left ?? Infinity) - (right ?? Infinity) || 0;
}

function columnsOf(chosen: string | null): readonly Column<Json>[] {
  return [
    { head: "", cell: (row) => (textOf(row, "client_id") === chosen ? "*" : " ") },
    { head: "ID", cell: (row) => textOf(row, "client_id") ?? "" },
    { head: "SCORE", cell: (row) => decimal(numberOf(row, "score"), 1), alignRight: true },
    ...TERMS.map(
      (term): Column<Json> => ({
        head: term.toUpperCase(),
        cell: (row) => decimal(numberOf(record(row.terms), term), 1),
        alignRight: true,
      }),
    ),
    { head: "FLIGHT", cell: (row) => decimal(numberOf(row, "in_flight"), 0), alignRight: true },
    { head: "LEASES", cell: (row) => decimal(numberOf(row, "leases"), 0), alignRight: true },
    { head: "REPORT", cell: (row) => span(numberOf(row, "report_age_seconds")), alignRight: true },
    { head: "REASON", cell: (row) => textOf(row, "reason") ?? (isOn(row, "eligible") ? "" : NOTHING) },
  ];
}
