/** Longer ids are remembered by their hash, so that tables and database stay bounded. */
const MAX_ID_BYTES = 256;

/**
 * Names the session that a request belongs to: the value of the sticky header, one character for each octet, else the
 * address if addresses are sessions; "" for none. `sha256` gives the hash of such a text in hex.
 */
export function stickyIdOf(
  value: string,
  address: string,
  byAddress: boolean,
  sha256: (latin1: string) => string,
): string {
  const id = value === "" && byAddress ? address : value;
  return id.length <= MAX_ID_BYTES ? id : `sha256:${sha256(id)}`;
}
