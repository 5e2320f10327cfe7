/** The sticky id of a management request, by the rules of the data plane. */
import { createHash } from "node:crypto";
import type { ServerConfig } from "../../../core/config/server-schema.ts";

/** Longer ids are remembered by their hash. */
const MAX_ID_BYTES = 256;

/** The value of `sticky_header`, else with `sticky_by_ip` the address; null when the request is in no session. */
export function stickyIdOf(config: ServerConfig, headers: Headers, clientIp: string): string | null {
  const value = config.sticky_header === "" ? "" : (headers.get(config.sticky_header) ?? "");
  const id = value === "" && config.sticky_by_ip ? clientIp : value;
  if (id === "") return null;
  // Header values are bytes; here each stands for one UTF-16 unit, as on the wire.
  const bytes = Buffer.from(id, "latin1");
  return bytes.length <= MAX_ID_BYTES ? id : `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
