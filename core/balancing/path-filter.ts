import { type BackendColumns, ENABLED } from "../table/backend/backend-columns.ts";
import { i32 } from "../table/buffer-layout.ts";

/**
 * The endpoint of each path group that serves a path, or null when the path removes nobody: it does only if an enabled
 * backend serves it, else every backend stays, with its first endpoint.
 */
export function pathFilterOf(
  { flags, pathGroup }: BackendColumns,
  limit: number,
  endpointOfGroup: Int32Array | null,
): Int32Array | null {
  if (endpointOfGroup === null || !endpointOfGroup.some(isEndpoint)) return null;
  for (let row = 0; row < limit; row++) {
    const isEnabled = (i32(flags, row) & ENABLED) !== 0;
    if (isEnabled && isEndpoint(endpointOfGroup[i32(pathGroup, row)])) return endpointOfGroup;
  }
  return null;
}

/**
 * A hash of which backends may serve a query: of the path groups that do, with `audience`, which tells queries apart that
 * are for different groups of a migration. That of no path where every enabled backend serves it.
 */
export function kindOf(
  columns: BackendColumns,
  limit: number,
  endpointOfGroup: Int32Array | null,
  audience: number,
): number {
  let kind = mixed(audience, 0);
  if (endpointOfGroup === null || servesAll(columns, limit, endpointOfGroup)) return kind;
  for (let group = 0; group < endpointOfGroup.length; group++) {
    if (isEndpoint(endpointOfGroup[group])) kind = mixed(kind, group + 1);
  }
  return kind;
}

function servesAll(
  { flags, pathGroup }: BackendColumns,
  limit: number,
  endpointOfGroup: Int32Array,
): boolean {
  for (let row = 0; row < limit; row++) {
    const isEnabled = (i32(flags, row) & ENABLED) !== 0;
    if (isEnabled && !isEndpoint(endpointOfGroup[i32(pathGroup, row)])) return false;
  }
  return true;
}

/** One step of a hash whose upper bits depend on every step; 0 of nothing. */
function mixed(hash: number, next: number): number {
  return Math.imul(hash ^ (hash >>> 15) ^ next, 0x9e37_79b1);
}

function isEndpoint(index: number | undefined): boolean {
  return index !== undefined && index >= 0;
}
