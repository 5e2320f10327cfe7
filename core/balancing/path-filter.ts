import { type BackendColumns, ENABLED } from "../table/backend-columns.ts";
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

function isEndpoint(index: number | undefined): boolean {
  return index !== undefined && index >= 0;
}
