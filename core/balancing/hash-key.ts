/**
 * What `ip_hash` goes by: the first header's value, else the second's, else the client's address. Of a list only its first
 * item, as of `X-Forwarded-For`, whose first is the client.
 */
export function hashKeyOf(value: string | null, fallback: string | null, address: string): string {
  return firstItem(value) || firstItem(fallback) || address;
}

function firstItem(value: string | null): string {
  if (value === null) return "";
  const comma = value.indexOf(",");
  return (comma < 0 ? value : value.slice(0, comma)).trim();
}
