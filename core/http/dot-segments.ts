/** Segments end at a slash, also at one that servers of files decode: "%2f", and "%5c" for those that take a backslash. */
const SEPARATOR = /\/|%2f|%5c/i;
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/**
 * Tells whether a raw path has a segment "." or "..", plain or percent-encoded. Paths are matched and forwarded as the
 * same bytes, but a backend that resolves such segments (RFC 3986 section 5.2.4) serves another path than was matched.
 */
export function hasDotSegment(path: string): boolean {
  // Nearly every path ends here.
  if (!path.includes(".") && !path.includes("%2")) return false;
  return path.split(SEPARATOR).some((segment) => DOT_SEGMENT.test(segment));
}
