/** `opsen-server migrate`: moving traffic in watched steps. */
import { PLAN_FLAGS } from "../../core/cli/migrate-commands.ts";
import { Api, type ApiAnswer, refusal } from "./connection/api.ts";
import type { Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { type Json, listOf, numberOf, record, textOf } from "./json.ts";
import { cleanText } from "./view/clean.ts";
import { decimal, NOTHING } from "./view/figures.ts";
import { type Column, table } from "./view/table.ts";

const COLUMNS: readonly Column<Json>[] = [
  { head: "ID", cell: idOf, alignRight: true },
  { head: "FROM", cell: (row) => textOf(row, "from") ?? "" },
  { head: "TO", cell: (row) => textOf(row, "to") ?? "" },
  { head: "STATUS", cell: (row) => textOf(row, "status") ?? "" },
  { head: "SHARE", cell: shareText, alignRight: true },
  { head: "STAGE", cell: stageText },
  { head: "BEGUN", cell: (row) => textOf(row, "created_at") ?? "" },
  { head: "BY", cell: (row) => textOf(row, "created_by") ?? "" },
  { head: "REASON", cell: (row) => textOf(row, "reason") ?? "" },
];

/** The call is the command's own name; what is said of it afterwards. */
const DONE: Readonly<Record<string, string>> = {
  pause: "paused",
  resume: "resumed",
  advance: "advanced",
  abort: "aborted",
  release: "released",
};

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

export async function steerMigration(context: Context): Promise<number> {
  const action = context.given.path.at(-1) ?? "";
  const answer = await Api.of(context).ask("POST", `${pathOf(context.given)}/${action}`);
  return show(context, answer, (row) => {
    return `${DONE[action] ?? action} ${idOf(row)}: ${textOf(row, "status") ?? ""}, ${shareText(row)} on the new group`;
  });
}

/** Prints the server's report as it comes; the same as data with `--json`. */
export async function reportMigration(context: Context): Promise<number> {
  const { given, out } = context;
  const api = Api.of(context);
  if (given.on("json")) {
    const { text } = await api.ask("GET", pathOf(given));
    out(`${text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const answer = await api.call("GET", `${pathOf(given)}/report`);
  if (answer.status !== 200 || !answer.text.startsWith("# ")) {
    throw refusal(answer, "GET /migrations/{id}/report");
  }
  out(answer.text.split("\n").map(cleanText).join("\n"));
  return EXIT.ok;
}

function planOf(given: Inputs): Json {
  const [from, to] = [given.text("from"), given.text("to")];
  if (from === null || to === null) throw usage("--from and --to are needed: tags of backends");
  const stages = given.text("stages")?.split(",").map(Number);
  if (stages?.some((each) => !(each > 0 && each <= 100)) === true) {
    throw usage("--stages must be percentages above 0 up to 100, such as 1,5,25,50,100");
  }
  const options = PLAN_FLAGS.map(({ name, field, number }) => {
    return [field, number === undefined ? given.text(name) : given.number(name)] as const;
  });
  return {
    from,
    to,
    ...(stages !== undefined && { stages }),
    ...Object.fromEntries(options.filter(([, value]) => value !== null)),
    ...(given.on("paused") && { paused: true }),
  };
}

function show({ given, out }: Context, answer: ApiAnswer, said: (row: Json) => string): number {
  out(given.on("json") ? `${answer.text.trimEnd()}\n` : `${cleanText(said(record(answer.json)))}\n`);
  return EXIT.ok;
}

function shareText(row: Json): string {
  const share = numberOf(row, "share_percent");
  return share === null ? NOTHING : `${decimal(share, 1)}%`;
}

function stageText(row: Json): string {
  const stage = numberOf(row, "stage");
  return stage === null ? "" : `${stage} of ${listOf(row, "stages").length}`;
}

function idOf(row: Json): string {
  return textOf(row, "id") ?? decimal(numberOf(row, "id"), 0);
}

function pathOf({ args }: Inputs): string {
  return `/migrations/${encodeURIComponent(args[0] ?? "")}`;
}

function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, message);
}
