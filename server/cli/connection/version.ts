/** Changes that are made only while nobody else has made one. */
import type { Inputs } from "../context.ts";

/** The header that makes the server refuse a change when its version is no longer that of `--if-version`. */
export function optionalHeaders(given: Inputs): Readonly<Record<string, string>> {
  const version = given.text("if-version");
  return version === null ? {} : { "If-Match": `"${version}"` };
}
