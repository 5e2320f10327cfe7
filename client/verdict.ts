/** What the server's answers mean to the agent. Pure. */
import { type CallOutcome, retryAfterMs } from "./server-api.ts";

export type RegistrationVerdict =
  | { readonly kind: "registered"; readonly token: string | null }
  /** Trying again cannot help: the key or the body is wrong. */
  | { readonly kind: "refused"; readonly detail: string }
  /** The id belongs to another agent, until that one is stale. */
  | { readonly kind: "held"; readonly detail: string; readonly waitMs: number }
  | { readonly kind: "transient"; readonly detail: string; readonly waitMs: number };

export type ReportVerdict =
  | { readonly kind: "accepted" }
  /** The server has seen a later one. */
  | { readonly kind: "ignored"; readonly detail: string }
  /** The server does not know us, or not any more: register again. */
  | { readonly kind: "unknown"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string; readonly waitMs: number };

/** Judges the answer to a registration. */
export function judgeRegistration(outcome: CallOutcome, wallMs: number): RegistrationVerdict {
  if (outcome.kind === "failure") return { kind: "transient", detail: outcome.reason, waitMs: 0 };
  const { status } = outcome;
  if (isSuccess(status) && textField(outcome.body, "status") === "registered") {
    // The original answers without a token.
    return { kind: "registered", token: textField(outcome.body, "agent_token") };
  }
  const detail = explain(outcome);
  // Any web server may say 200. Waited out: a proxy before the server may answer for it while it restarts.
  if (isSuccess(status)) return { kind: "transient", detail: `${NOT_OPSEN} (${detail})`, waitMs: 0 };
  if (status === 400 || status === 401 || status === 403) return { kind: "refused", detail };
  const waitMs = retryAfterMs(outcome.retryAfter, wallMs);
  return status === 409 ? { kind: "held", detail, waitMs } : { kind: "transient", detail, waitMs };
}

/** Judges the answer to a report. */
export function judgeReport(outcome: CallOutcome, wallMs: number): ReportVerdict {
  if (outcome.kind === "failure") return { kind: "failed", detail: outcome.reason, waitMs: 0 };
  const { status } = outcome;
  const detail = explain(outcome);
  if (isSuccess(status)) {
    return textField(outcome.body, "status") === "ignored"
      ? { kind: "ignored", detail }
      : { kind: "accepted" };
  }
  // 403: another agent took the id over while we were silent, or the key changed; registering tells which.
  if (status === 404 || status === 401 || status === 403) return { kind: "unknown", detail };
  return { kind: "failed", detail, waitMs: retryAfterMs(outcome.retryAfter, wallMs) };
}

const NOT_OPSEN = "what answers at server_url is not an opsen-server: its answer does not say registered";

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** One line for a person: the status and what the server said about it. */
function explain(outcome: { readonly status: number; readonly body: string }): string {
  const said = textField(outcome.body, "detail") ?? textField(outcome.body, "title") ?? outcome.body.trim();
  const status = `the server answered ${outcome.status}`;
  return said === "" ? status : `${status}: ${said.slice(0, 300)}`;
}

/** A text at the top level of a JSON object; null when there is none. */
function textField(body: string, name: string): string | null {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return null;
    const field: unknown = Reflect.get(value, name);
    return typeof field === "string" ? field : null;
  } catch {
    return null;
  }
}
