/** Settings in the order in which people look for them. */
import type { KeyInfo } from "../../types.ts";

const GROUPS: readonly (readonly [title: string, keys: RegExp])[] = [
  [
    "Balancing",
    /^(?:strategy|tiers|default_tier|tier_|score_|sticky_|reservation|pending_|queue_|slow_start|panic_|reference)/,
  ],
  ["Limits", /^(?:rate_|proxy_rate_|max_|min_|proxy_max_|connections_)/],
  ["Health", /^(?:health_|stale_|cleanup_|heartbeat)/],
  ["Failures and retries", /^(?:breaker_|retry_|outlier_)/],
  ["Time limits", /(?:_timeout_seconds|_timeout_ms)$/],
  ["Connections to backends", /^(?:upstream_|pool_|dns_|preserve_|http2|backend_tls)/],
  ["Server", /^(?:workers|host|port|admin_|console|log_|json_|database|proxy_endpoints|trusted_)/],
];

const OTHERS = "Everything else";

/** What people look for first, at the head of its group. */
const FIRST: readonly string[] = ["strategy", "tiers", "default_tier", "workers"];

export interface Group {
  readonly title: string;
  readonly keys: readonly string[];
}

/** Groups of the keys whose name or description has every word of `text`. */
export function groupsOf(
  keys: readonly string[],
  infos: ReadonlyMap<string, KeyInfo>,
  text: string,
): readonly Group[] {
  const words = text.toLowerCase().split(/\s+/);
  const found = keys.filter((key) => {
    const about = `${key} ${infos.get(key)?.help ?? ""}`.toLowerCase();
    return words.every((word) => about.includes(word));
  });
  const byTitle = Map.groupBy(found, (key) => GROUPS.find(([, rule]) => rule.test(key))?.[0] ?? OTHERS);
  return [...GROUPS.map(([title]) => title), OTHERS].flatMap((title) => {
    const inGroup = byTitle.get(title);
    return inGroup === undefined ? [] : [{ title, keys: inGroup.toSorted((a, b) => rankOf(a) - rankOf(b)) }];
  });
}

function rankOf(key: string): number {
  const rank = FIRST.indexOf(key);
  return rank < 0 ? FIRST.length : rank;
}
