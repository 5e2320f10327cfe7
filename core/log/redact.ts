/** Leaving secrets out of what is logged of messages. */

/** Stands where a secret stood. */
export const REDACTED = "***";

/** Tells whether a name, of a header or a field, stands for a secret; names are compared without case. */
export type SecretTest = (name: string) => boolean;

/** Makes the test from names. */
export function secretTest(names: readonly string[]): SecretTest {
  const lower = new Set(names.map((name) => name.toLowerCase()));
  return (name) => lower.has(name.toLowerCase());
}

/**
 * Replaces the values of secret members in a JSON text, at any depth and whatever they are. The text may be cut off
 * anywhere, or be several texts behind one another; what is no JSON stays as it is.
 */
export function redactJson(text: string, isSecret: SecretTest): string {
  let out = "";
  let from = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    const end = stringEnd(text, at);
    const value = afterColon(text, end);
    if (value < 0 || !isSecret(unquoted(text.slice(at, end)))) {
      at = end;
      continue;
    }
    out += `${text.slice(from, value)}"${REDACTED}"`;
    from = valueEnd(text, value);
    at = from;
  }
  return out + text.slice(from);
}

/** Replaces the values of secret parameters in a query or a form (application/x-www-form-urlencoded). */
export function redactForm(text: string, isSecret: SecretTest): string {
  return text
    .split("&")
    .map((part) => {
      const equals = part.indexOf("=");
      return equals >= 0 && isSecret(decoded(part.slice(0, equals)))
        ? part.slice(0, equals + 1) + REDACTED
        : part;
    })
    .join("&");
}

/** The same in the query of a URL or request target. */
export function redactQuery(target: string, isSecret: SecretTest): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query + 1) + redactForm(target.slice(query + 1), isSecret);
}

/** First position behind the string that begins at `at`; the end of the text when it is cut off. */
function stringEnd(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    const character = text[index];
    if (character === "\\") index++;
    else if (character === '"') return index + 1;
  }
  return text.length;
}

/** Where the value begins that a colon announces; -1 without one. */
function afterColon(text: string, at: number): number {
  const colon = skipBlanks(text, at);
  return text[colon] === ":" ? skipBlanks(text, colon + 1) : -1;
}

function skipBlanks(text: string, at: number): number {
  let index = at;
  while (index < text.length && " \t\r\n".includes(text[index]!)) index++;
  return index;
}

/** First position behind the value that begins at `at`, its members and elements included. */
function valueEnd(text: string, at: number): number {
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    const character = text[index]!;
    if (character === '"') {
      index = stringEnd(text, index) - 1;
      if (depth === 0) return index + 1;
    } else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") {
      // The end of what the value is in, or of the value.
      if (depth === 0) return index;
      if (--depth === 0) return index + 1;
    } else if (depth === 0 && (character === "," || character === "\n")) return index;
  }
  return text.length;
}

/** A member's name, escapes resolved; as it is written when it is none. */
function unquoted(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
