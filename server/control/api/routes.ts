/** Which methods a path has, for the answer to one that it has not. */
import type { Operation } from "./deps.ts";

const ORDER = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** Methods of a path, without duplicates, in a fixed order; none when no operation has the path. */
export function allowedMethods(operations: readonly Operation[], path: string): string[] {
  const methods = new Set<string>();
  for (const operation of operations) {
    if (!matches(operation.path, path)) continue;
    for (const method of operation.methods === "any" ? ["GET", "POST"] : operation.methods) {
      methods.add(method);
      if (method === "GET") methods.add("HEAD");
    }
  }
  return ORDER.filter((method) => methods.has(method));
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(":") ? given[index] !== "" : part === given[index]))
  );
}
