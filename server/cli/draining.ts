/** `opsen-server drain` and `undrain`. */
import { Api, type ApiAnswer, type CallOptions, refusal } from "./connection/api.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./failure.ts";
import { isOn, type Json, numberOf, record } from "./json.ts";
import { cleanText } from "./view/clean.ts";

/** A server that answers at once although it was told to wait is not asked more often than this. */
const PAUSE_MS = 1_000;

export async function drain(context: Context): Promise<number> {
  const { given, out } = context;
  const api = Api.of(context);
  const deadline = performance.now() + (given.number("wait") ?? 0) * 1000;
  for (;;) {
    const asked = performance.now();
    const seconds = Math.max(0, Math.ceil((deadline - asked) / 1000));
    const query = seconds === 0 ? "" : `?wait=${seconds}`;
    const answer = await askBackend(api, given.args[0] ?? "", `drain${query}`, { extraMs: seconds * 1000 });
    const state = record(answer.json);
    // One call waits no longer than the server's request_timeout_seconds allow.
    const now = performance.now();
    if (seconds > 0 && !isIdle(state) && now < deadline) {
      await Bun.sleep(Math.max(0, asked + PAUSE_MS - now));
      continue;
    }
    out(given.on("json") ? `${answer.text.trimEnd()}\n` : `${drained(given.args[0] ?? "", state)}\n`);
    // Who waits wants to switch it off next, and it is not idle yet.
    return given.number("wait") !== null && !isIdle(state) ? EXIT.failed : EXIT.ok;
  }
}

export async function undrain(context: Context): Promise<number> {
  const { given, out } = context;
  const id = given.args[0] ?? "";
  const answer = await askBackend(Api.of(context), id, "undrain");
  out(given.on("json") ? `${answer.text.trimEnd()}\n` : `${cleanText(id)} is back in service\n`);
  return EXIT.ok;
}

function isIdle(state: Json): boolean {
  return isOn(state, "idle") || (state.idle === undefined && numberOf(state, "in_flight") === 0);
}

function drained(id: string, state: Json): string {
  const counts = ["in_flight", "leases"].map((key) => numberOf(state, key) ?? 0);
  const rest = isIdle(state) ? "it is idle" : `${counts[0]} requests in flight, ${counts[1]} leases`;
  return `${cleanText(id)} gets no new requests; ${rest}`;
}

async function askBackend(
  api: Api,
  id: string,
  action: string,
  options: CallOptions = {},
): Promise<ApiAnswer> {
  const path = `/backends/${encodeURIComponent(id)}/${action}`;
  const answer = await api.call("POST", path, options);
  if (answer.status === 200 && answer.json !== undefined) return answer;
  throw refusal(answer, `POST ${path}`);
}
