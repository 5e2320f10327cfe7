/** The parts of a worker that follow the configuration while it serves. */
import { pickerOptions, retryBudget } from "../../core/balancing/options.ts";
import { Picker } from "../../core/balancing/picker.ts";
import { RetryDesk } from "../../core/balancing/retry-desk.ts";
import type { WorkerInit, WorkerSettings } from "../../core/plane/messages.ts";
import type { Tables } from "../../core/table/tables.ts";
import type { Mutable, Plane } from "./context.ts";
import { CorsGuard } from "./guards/cors.ts";
import { securityHeaders } from "./management/management.ts";
import { type ProxyOptions, proxyOptions } from "./options.ts";

type Settings = Pick<WorkerInit | WorkerSettings, "config" | "tiers" | "defaultTier">;

/** Makes what follows the configuration; `picker` is the one to go on with, null at the start. */
export function settledParts(
  { config, tiers, defaultTier }: Settings,
  tables: Tables,
  picker: Picker | null,
): Pick<
  Plane,
  | "tiers"
  | "tierNumbers"
  | "defaultTier"
  | "picker"
  | "retryDesk"
  | "insecureNoAuth"
  | "cors"
  | "securityHeaders"
> {
  const choice = pickerOptions(config, tiers);
  picker?.setOptions(choice);
  const { sticky_header: stickyHeader, tier_header: tierHeader } = config;
  return {
    tiers,
    // A tier that is gone has a number, for what is still held under it, but no name.
    tierNumbers: new Map(tiers.flatMap(({ name }, number) => (name === "" ? [] : [[name, number]]))),
    defaultTier,
    picker: picker ?? new Picker(tables, choice, randomSeed()),
    retryDesk: new RetryDesk(tables, retryBudget(config), () => performance.now()),
    insecureNoAuth: config.insecure_no_auth,
    cors: new CorsGuard(config.enable_cors, config.cors_allowed_origins, [stickyHeader, tierHeader]),
    securityHeaders: securityHeaders(config.disable_security_headers),
  };
}

/** Has requests from now on go by another configuration. Those in flight end as they began. */
export function applySettings(plane: Plane, settings: WorkerSettings): void {
  const { config } = settings;
  const before = plane.options;
  const next = proxyOptions(config);
  // Pools and the queue hold these two and read them when they need them.
  const pool = replaceContent(before.pool, next.pool);
  const queue = replaceContent(before.queue, next.queue);
  const options: ProxyOptions = { ...next, head: before.head, pool, queue };
  Object.assign(plane, settledParts(settings, plane.tables, plane.picker), { options });
  plane.forward.preserveHost = config.preserve_host;
  plane.forward.close = !config.upstream_keepalive;
  plane.log.setLevel(config.log_level);
  plane.keys.replace(settings.keys);
}

function randomSeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
}

function replaceContent<T extends object>(target: Mutable<T>, content: T): T {
  return Object.assign(target, content);
}
