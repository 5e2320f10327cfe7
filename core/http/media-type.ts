/** What a Content-Type says (RFC 9110 section 8.3). */

/** Tells whether a Content-Type says JSON: application/json or any type with the suffix +json (RFC 6839 section 3.1). */
export function isJson(value: string): boolean {
  return isMediaType(value, "application/json") || /^[^;]*\+json\s*(?:;|$)/i.test(value);
}

/** Compares a Content-Type with a media type, whatever its parameters and case. */
export function isMediaType(value: string, type: string): boolean {
  const end = value.indexOf(";");
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase() === type;
}
