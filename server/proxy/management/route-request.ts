import { parseAddress } from "../../../core/http/cidr.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { RouteRequest } from "../../../core/wire/route.ts";

/** A body of `POST /route` that is one, or what is wrong with it. */
export type CheckedRoute =
  | { readonly ok: true; readonly request: RouteRequest }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** What is shown of a wrong value. */
const MAX_SHOWN = 128;

/**
 * The bounds of RouteRequestSchema, by hand: the schema library would cost every worker some megabytes for five
 * fields. A test compares the two.
 */
const TEXTS = { tier: 64, client_ip: 64, path: 8192 } as const;
const NUMBERS = { client_lat: 90, client_lon: 180 } as const;

/** Checks a parsed body against the schema of `POST /route`, and that its address is one. */
export function checkRouteRequest(value: unknown): CheckedRoute {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, errors: [{ field: "", rule: "must be a JSON object", got: shown(value) }] };
  }
  // Callers of the original send null for what they do not know.
  const fields = new Map<string, unknown>(Object.entries(value).filter(([, member]) => member !== null));
  const errors: FieldError[] = [];
  const text = (field: keyof typeof TEXTS) => {
    const got = fields.get(field);
    if (got === undefined || (typeof got === "string" && got.length <= TEXTS[field])) return got;
    errors.push({ field, rule: `must be a text of at most ${TEXTS[field]} characters`, got: shown(got) });
    return undefined;
  };
  const number = (field: keyof typeof NUMBERS) => {
    const got = fields.get(field);
    if (got === undefined || (typeof got === "number" && Math.abs(got) <= NUMBERS[field])) return got;
    errors.push({
      field,
      rule: `must be a number from -${NUMBERS[field]} to ${NUMBERS[field]}`,
      got: shown(got),
    });
    return undefined;
  };
  const address = (field: "client_ip") => {
    const got = text(field);
    // Empty as the original's callers send it: unknown.
    if (typeof got !== "string" || got === "" || parseAddress(got) !== null) return got;
    errors.push({ field, rule: "must be an IPv4 or IPv6 address", got: shown(got) });
    return undefined;
  };
  const path = () => {
    const got = text("path");
    if (typeof got !== "string" || got.startsWith("/")) return got;
    errors.push({ field: "path", rule: 'must be a path that starts with "/"', got: shown(got) });
    return undefined;
  };
  const request = {
    ...present("tier", text("tier")),
    ...present("client_ip", address("client_ip")),
    ...present("client_lat", number("client_lat")),
    ...present("client_lon", number("client_lon")),
    ...present("path", path()),
  };
  if (fields.has("client_lat") !== fields.has("client_lon")) {
    const missing = fields.has("client_lat") ? "client_lon" : "client_lat";
    errors.push({ field: missing, rule: "must be given together with the other coordinate", got: null });
  }
  return errors.length === 0 ? { ok: true, request } : { ok: false, errors };
}

/** A record with the member, or without it: absent and undefined differ. */
function present<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> {
  const record: Partial<Record<Name, Value>> = {};
  if (value !== undefined) record[name] = value;
  return record;
}

function shown(value: unknown): unknown {
  if (typeof value === "string") return value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
  // Containers may be large; their kind says enough.
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : value;
}
