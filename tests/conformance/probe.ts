/**
 * The scored cases of the public catalogue Http11Probe: octets, and rules that turn what came back into a verdict. The
 * facts are the catalogue's, the wording is ours.
 */
import fixture from "./fixtures/probe.json";
import { type Ending, RawClient } from "./raw.ts";

export type ProbeVerdict = "pass" | "warn" | "fail";

type Part = string | { readonly repeat: string; readonly times: number } | Numbered;
/** A text so many times, `%d` in it counted up from 0. */
interface Numbered {
  readonly each: string;
  readonly times: number;
}

interface FieldEcho {
  readonly std: string;
  readonly sent: string;
  readonly value: string;
}

/** What must hold of a step's answer; each key that is there counts. */
interface Condition {
  /** From 1; default 1. */
  readonly step?: number;
  /** Ranges as "400" or "200-299". */
  readonly status?: readonly string[];
  readonly not_status?: readonly string[];
  /** Whether anything was answered at all. */
  readonly resp?: boolean;
  readonly state?: readonly string[];
  /** Whether the connection was there to send the step on. */
  readonly executed?: boolean;
  readonly status_lines?: number;
  readonly body_is?: string;
  readonly body_empty?: boolean;
  readonly header?: string;
  /** The origin was told a standard name that the client had not sent. */
  readonly normalized?: FieldEcho;
  /** The origin was told the name as the client had sent it. */
  readonly preserved?: FieldEcho;
}

export interface ProbeCase {
  readonly id: string;
  readonly about: string;
  readonly steps: readonly (readonly Part[])[];
  /** The first rule whose conditions all hold decides. */
  readonly decide: readonly { readonly when: readonly Condition[]; readonly then: string }[];
}

export const PROBE_CASES: readonly ProbeCase[] = fixture;

interface StepAnswer {
  readonly text: string;
  readonly executed: boolean;
  readonly ending: Ending | null;
}

const ANSWER_MS = 2500;
/** How long a connection has to end after an answer, so that it counts as ended. */
const END_MS = 150;
const NOT_SENT: StepAnswer = { text: "", executed: false, ending: null };

/** Sends a case on a connection of its own and judges what came back. */
export async function probe(row: ProbeCase, port: number, host?: string): Promise<ProbeVerdict> {
  await using client = await RawClient.open(port, host);
  const answers: StepAnswer[] = [];
  for (const step of row.steps) {
    answers.push(client.ending === null ? await runStep(client, octetsOf(step)) : NOT_SENT);
  }
  const rule = row.decide.find(({ when }) => when.every((each) => holds(each, answers)));
  return rule?.then === "pass" || rule?.then === "warn" ? rule.then : "fail";
}

async function runStep(client: RawClient, octets: string): Promise<StepAnswer> {
  const from = client.got.length;
  await client.send(octets);
  await client.until(
    () => /^HTTP\/1\.[01] [2-5]\d\d[\s\S]*?\r\n\r\n/m.test(client.got.slice(from)),
    ANSWER_MS,
  );
  await client.until(() => false, END_MS);
  return { text: client.got.slice(from), executed: true, ending: client.ending };
}

function octetsOf(parts: readonly Part[]): string {
  return parts
    .map((part) => {
      if (typeof part === "string") return part;
      if ("repeat" in part) return part.repeat.repeat(part.times);
      return Array.from({ length: part.times }, (_, at) => part.each.replace("%d", String(at))).join("");
    })
    .join("");
}

function holds(condition: Condition, answers: readonly StepAnswer[]): boolean {
  const answer = answers[(condition.step ?? 1) - 1] ?? NOT_SENT;
  const { text } = answer;
  const status = statusIn(text);
  const split = text.indexOf("\r\n\r\n");
  const head = split < 0 ? text : text.slice(0, split);
  const body = split < 0 ? "" : text.slice(split + 4);
  const checks: readonly (boolean | undefined)[] = [
    condition.status && inRanges(status, condition.status),
    condition.not_status && !inRanges(status, condition.not_status),
    condition.resp === undefined ? undefined : condition.resp === text.startsWith("HTTP/"),
    condition.state?.includes(stateOf(answer)),
    condition.executed === undefined ? undefined : condition.executed === answer.executed,
    condition.status_lines === undefined
      ? undefined
      : text.split(/^HTTP\/1\.[01] /m).length - 1 >= condition.status_lines,
    condition.body_is === undefined ? undefined : body === condition.body_is,
    condition.body_empty === undefined ? undefined : condition.body_empty === (body === ""),
    condition.header === undefined ? undefined : hasField(head, condition.header),
    condition.normalized &&
      tells(body, condition.normalized.std, condition.normalized.value) &&
      !tells(body, condition.normalized.sent, condition.normalized.value),
    condition.preserved && tells(body, condition.preserved.sent, condition.preserved.value),
  ];
  return checks.every((each) => each !== false);
}

function statusIn(text: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
}

function inRanges(status: number, ranges: readonly string[]): boolean {
  return ranges.some((range) => {
    const [low = "", high = low] = range.split("-");
    return status >= Number(low) && status <= Number(high);
  });
}

function stateOf({ text, ending }: StepAnswer): "closed" | "timeout" | "open" {
  if (ending !== null) return "closed";
  return text === "" ? "timeout" : "open";
}

function hasField(head: string, name: string): boolean {
  return head.toLowerCase().includes(`\r\n${name.toLowerCase()}:`);
}

function tells(body: string, name: string, value: string): boolean {
  return `\n${body}`.includes(`\n${name}: ${value}\n`);
}
