/** The Connection field (RFC 9110 section 7.6.1). */
import { CLASS, COMMA, SP, TAB, TOKEN } from "./byte-class.ts";
import { CRITICAL, FLAGS, fieldKind, spells } from "./field-names.ts";
import type { MessageHead } from "./message-head.ts";

/**
 * Reads one Connection line into the head's flags and nominated names. False when it is malformed, lists too many
 * names, or names a field that frames or routes the message, which would then vanish while its body stays.
 */
export function readConnection(head: MessageHead, index: number): boolean {
  const { bytes } = head;
  const end = head.valueEnd[index]!;
  let at = head.valueStart[index]!;
  while (at < end) {
    const octet = bytes[at]!;
    if (octet === COMMA || octet === SP || octet === TAB) {
      at++;
      continue;
    }
    const start = at;
    while (at < end && (CLASS[bytes[at]!]! & TOKEN) !== 0) at++;
    if (at === start || !readOption(head, start, at)) return false;
    while (at < end && (bytes[at] === SP || bytes[at] === TAB)) at++;
    if (at < end && bytes[at] !== COMMA) return false;
  }
  return true;
}

function readOption(head: MessageHead, start: number, end: number): boolean {
  const { bytes } = head;
  if (spells(bytes, start, end, "close")) head.connectionClose = true;
  else if (spells(bytes, start, end, "keep-alive")) head.connectionKeepAlive = true;
  else if (spells(bytes, start, end, "upgrade")) head.connectionUpgrade = true;
  else if ((FLAGS[fieldKind(bytes, start, end)]! & CRITICAL) !== 0) return false;
  else return head.nominate(start, end);
  return true;
}
