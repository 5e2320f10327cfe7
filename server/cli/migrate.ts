/** `opsen-server migrate`: moving traffic in watched steps. */
import { Api, type ApiAnswer } from "./connection/api.ts";
import type { Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { type Json, listOf, numberOf, record, textOf } from "./json.ts";
import { valueText } from "./view/changes.ts";
import { cleanText } from "./view/clean.ts";
import { decimal, NOTHING } from "./view/figures.ts";
import { type Column, table } from "./view/table.ts";

const COLUMNS: readonly Column<Json>[] = [
  { head: "ID", cell: (row) => idOf(row) },
  { head: "FROM", cell: (row) => textOf(row, "from") ?? "" },
  { head: "TO", cell: (row) => textOf(row, "to") ?? "" },
  { head: "STATE", cell: (row) => textOf(row, "state") ?? textOf(row, "status") ?? "" },
  { head: "SHARE", cell: (row) => shareText(row), alignRight: true },
  { head: "REASON", cell: (row) => textOf(row, "reason") ?? "" },
];

export async function startMigration(context: Context): Promise<number> {
  const answer = await Api.of(context).ask("POST", "/migrations", { body: planOf(context.given) });
  return show(context, answer, (row) => `started ${idOf(row)}`);
}

export async function listMigrations(context: Context): Promise<number> {
  const { given, columns, out } = context;
  const answer = await Api.of(context).ask("GET", "/migrations");
  if (given.on("json")) {
    out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const rows = listOf(record(answer.json), "migrations").map(record);
  out(rows.length === 0 ? "no migrations\n" : table(COLUMNS, rows, columns));
  return EXIT.ok;
}

/** `pause`, `resume` and `abort`: the command's own name is the call's. */
export async function steerMigration(context: Context): Promise<number> {
  const action = context.given.path.at(-1) ?? "";
  const answer = await Api.of(context).ask("POST", `${pathOf(context.given)}/${action}`);
  const done = { pause: "paused", resume: "resumed", abort: "aborted" }[action] ?? action;
  return show(context, answer, () => `${done} ${context.given.args[0] ?? ""}`);
}

/** Prints one migration as indented text: its plan, where it stands, and what was measured in each step. */
export async function reportMigration(context: Context): Promise<number> {
  const { given, out } = context;
  const api = Api.of(context);
  const answer = await api.ask("GET", `${pathOf(given)}/report`);
  out(given.on("json") ? `${answer.text.trimEnd()}\n` : `${outline(answer.json, "").join("\n")}\n`);
  return EXIT.ok;
}

function planOf(given: Inputs): Json {
  const [from, to] = [given.text("from"), given.text("to")];
  if (from === null || to === null) throw usage("--from and --to are needed: tags of backends");
  const stages = given.text("stages")?.split(",").map(Number);
  if (stages?.some((each) => !(each > 0 && each <= 100)) === true) {
    throw usage("--stages must be percentages above 0 up to 100, such as 1,5,25,50,100");
  }
  const fields = {
    from,
    to,
    stages: stages ?? null,
    hold_seconds: given.number("hold"),
    max_error_rate_delta: given.number("max-error-rate-delta"),
    max_latency_ratio: given.number("max-latency-ratio"),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function show({ given, out }: Context, answer: ApiAnswer, said: (row: Json) => string): number {
  out(given.on("json") ? `${answer.text.trimEnd()}\n` : `${cleanText(said(record(answer.json)))}\n`);
  return EXIT.ok;
}

function shareText(row: Json): string {
  const share = numberOf(row, "percent") ?? numberOf(row, "stage_percent");
  return share === null ? NOTHING : `${decimal(share, 1)}%`;
}

function idOf(row: Json): string {
  return textOf(row, "id") ?? decimal(numberOf(row, "id"), 0);
}

function pathOf({ args }: Inputs): string {
  return `/migrations/${encodeURIComponent(args[0] ?? "")}`;
}

/** Any answer as indented lines, so that figures of later versions are shown too. */
function outline(value: unknown, indent: string): string[] {
  if (typeof value !== "object" || value === null) return [`${indent}${cleanText(valueText(value))}`];
  const entries = Array.isArray(value)
    ? value.map((each: unknown, index): [string, unknown] => [`${index + 1}`, each])
    : Object.entries(value);
  return entries.flatMap(([key, each]: readonly [string, unknown]) => {
    const isNested = typeof each === "object" && each !== null && Object.keys(each).length > 0;
    if (isNested) return [`${indent}${cleanText(key)}:`, ...outline(each, `${indent}  `)];
    const text = typeof each === "object" ? NOTHING : valueText(each);
    return [`${indent}${cleanText(key)}: ${cleanText(text)}`];
  });
}

function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, message);
}
