/** Field lines of stored responses: one latin1 text, each line with its CRLF, as they go to clients. */
import { passesToClient } from "../http/forward-response.ts";
import type { ResponseHead } from "../http/response-head.ts";

/** Never stored: Age is ours to tell, and the length is that of the body which is stored (RFC 9111 section 3.1). */
const NOT_STORED: ReadonlySet<string> = new Set(["age", "content-length"]);
/** They describe the body that is stored, which a 304 does not change (RFC 9111 section 3.2 lets us keep them). */
const OF_THE_BODY: ReadonlySet<string> = new Set(["content-encoding", "content-range"]);

/** What is stored of a head: what passes to clients without the withheld fields, and with the Date that it lacks. */
export function storedLines(
  head: ResponseHead,
  withheld: readonly string[],
  keepsCookies: boolean,
  date: string,
): string {
  let lines = "";
  for (let index = 0; index < head.count; index++) {
    const name = head.name(index).toLowerCase();
    if (isStored(head, index, name, withheld, keepsCookies)) {
      lines += `${head.name(index)}: ${head.value(index)}\r\n`;
    }
  }
  return head.hasDate ? lines : `${lines}Date: ${date}\r\n`;
}

/** What is stored after a 304, or the answer to a HEAD, has told of changes: its fields instead of those of that name. */
export function updatedLines(
  lines: string,
  head: ResponseHead,
  withheld: readonly string[],
  keepsCookies: boolean,
): string {
  const replaced = new Set<string>();
  let added = "";
  for (let index = 0; index < head.count; index++) {
    const name = head.name(index).toLowerCase();
    if (OF_THE_BODY.has(name) || !isStored(head, index, name, withheld, keepsCookies)) continue;
    replaced.add(name);
    added += `${head.name(index)}: ${head.value(index)}\r\n`;
  }
  return linesWithout(lines, (name) => replaced.has(name) || withheld.includes(name)) + added;
}

/** The lines of one field of a head, to be sent once. */
export function linesNamed(head: ResponseHead, lowerName: string): string {
  let lines = "";
  for (let at = head.find(lowerName); at >= 0; at = head.find(lowerName, at + 1)) {
    lines += `${head.name(at)}: ${head.value(at)}\r\n`;
  }
  return lines;
}

/** The lines whose lower-case name is not dropped. */
export function linesWithout(lines: string, drops: (name: string) => boolean): string {
  let kept = "";
  for (const line of lines.split("\r\n")) {
    if (line !== "" && !drops(line.slice(0, line.indexOf(":")).toLowerCase())) kept += `${line}\r\n`;
  }
  return kept;
}

/** Value of a field in lines, several joined by ", "; null without it. */
export function fieldIn(lines: string, lowerName: string): string | null {
  let joined: string | null = null;
  for (const line of lines.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon !== lowerName.length || line.slice(0, colon).toLowerCase() !== lowerName) continue;
    const value = line.slice(colon + 2);
    joined = joined === null ? value : `${joined}, ${value}`;
  }
  return joined;
}

/** What is stored is coded for each client anew. */
const AS_IT_CAME = {};

function isStored(
  head: ResponseHead,
  index: number,
  name: string,
  withheld: readonly string[],
  keepsCookies: boolean,
): boolean {
  if (!passesToClient(head, index, AS_IT_CAME) || NOT_STORED.has(name) || withheld.includes(name))
    return false;
  return keepsCookies || name !== "set-cookie";
}
