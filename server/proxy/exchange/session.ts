import { hashKeyOf } from "../../../core/balancing/hash-key.ts";
import type { PickQuery } from "../../../core/balancing/pick.ts";
import { stickyIdOf } from "../../../core/balancing/sticky-id.ts";
import type { UnitVector } from "../../../core/scoring/place.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import { hashStickyId } from "../../../core/table/sticky-table.ts";
import type { Exchange } from "./exchange.ts";

/** Finds the session that a request belongs to: the sticky header, else with `sticky_by_ip` the address. */
export function setSticky(exchange: Exchange, address: string): void {
  const { plane, head, query, facts } = exchange;
  const { stickyHeader, stickyByIp } = plane.options;
  const value = stickyHeader === "" ? "" : (head.get(stickyHeader) ?? "");
  const id = stickyIdOf(value, address, stickyByIp, sha256);
  query.sticky = id !== "";
  query.client = id === "" && plane.tables.migration.byClient;
  if (query.client) setClient(query, address);
  if (id === "") return;
  facts.stickyId = id;
  const { hi, lo } = hashStickyId(facts.stickyId);
  query.stickyHi = hi;
  query.stickyLo = lo;
}

/** Notes by which strategy a path's requests go, and what `ip_hash` needs to know of this one. */
export function setStrategy(exchange: Exchange, path: string | null, address: string): void {
  const { query, plane, head } = exchange;
  const { strategyOf, hashes, hashHeaders } = plane.options;
  query.strategy = path === null || strategyOf === null ? null : strategyOf(path);
  if (!hashes) return;
  const [first, second] = hashHeaders;
  const value = first === "" ? null : head.get(first);
  const { hi, lo } = hashStickyId(hashKeyOf(value, second === "" ? null : head.get(second), address));
  query.hashHi = hi;
  query.hashLo = lo;
}

/** A migration that moves clients as a whole knows them as rate limits do. */
function setClient(query: PickQuery, address: string): void {
  const { hi, lo } = rateKey(address);
  query.clientHi = hi;
  query.clientLo = lo;
}

/** Notes where the end user is: as told, else where the address is. */
export function locate(exchange: Exchange, told: UnitVector | null, address: string): void {
  const { query, plane } = exchange;
  const place = told ?? plane.geo.locate(address);
  query.located = place !== null;
  if (place === null) return;
  query.x = place.x;
  query.y = place.y;
  query.z = place.z;
}

function sha256(latin1: string): string {
  return new Bun.CryptoHasher("sha256").update(latin1, "latin1").digest("hex");
}
