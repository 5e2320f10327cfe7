/** What the writers of both directions share: lines copied from the original bytes, and lines of our own. */
import { isFieldValue } from "./byte-class.ts";
import type { MessageHead } from "./message-head.ts";

/** Copies the field lines that `keeps` wants, byte for byte and in order, neighbours in one go. */
export function copyLines<H extends MessageHead, C>(
  head: H,
  ctx: C,
  keeps: (head: H, index: number, ctx: C) => boolean,
  out: Buffer,
  at: number,
): number {
  let position = at;
  let runStart = -1;
  for (let index = 0; index < head.count; index++) {
    if (keeps(head, index, ctx)) {
      if (runStart < 0) runStart = head.nameStart[index]!;
    } else if (runStart >= 0) {
      position += head.bytes.copy(out, position, runStart, head.nameStart[index]);
      runStart = -1;
    }
  }
  if (runStart >= 0) position += head.bytes.copy(out, position, runStart, head.end - 2);
  return position;
}

/** A line of our own; "" for an empty value or one that could end the line (it would come from an agent). */
export function safeLine(name: string, value: string): string {
  return value !== "" && isFieldValue(value) ? `${name}: ${value}\r\n` : "";
}

/** Lines of our own from pairs. */
export function safeLines(pairs: readonly (readonly [string, string])[]): string {
  let text = "";
  for (const [name, value] of pairs) text += safeLine(name, value);
  return text;
}

/** Length of pairs as lines, at most. */
export function linesLength(pairs: readonly (readonly [string, string])[]): number {
  let length = 0;
  for (const [name, value] of pairs) length += name.length + value.length + 4;
  return length;
}
