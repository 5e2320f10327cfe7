/** What the keys of `top` mean: octets of a terminal in raw mode to intents. Pure. */
import type { SortKey } from "./model.ts";

export type Intent =
  | { readonly kind: "quit" | "reverse" | "hold" | "suspend" | "redraw" }
  /** Rows up (negative) or down. */
  | { readonly kind: "scroll"; readonly rows: number }
  | { readonly kind: "page"; readonly pages: number }
  | { readonly kind: "edge"; readonly edge: "first" | "last" }
  | { readonly kind: "sort"; readonly key: SortKey }
  | { readonly kind: "nextColumn"; readonly by: 1 | -1 }
  | { readonly kind: "faster" | "slower" };

const INTENTS: Readonly<Record<string, Intent>> = {
  q: { kind: "quit" },
  Q: { kind: "quit" },
  "\x03": { kind: "quit" },
  "\x04": { kind: "quit" },
  "\x1b": { kind: "quit" },
  "\x1a": { kind: "suspend" },
  "\x0c": { kind: "redraw" },
  " ": { kind: "hold" },
  R: { kind: "reverse" },
  "+": { kind: "slower" },
  "-": { kind: "faster" },
  "<": { kind: "nextColumn", by: -1 },
  ">": { kind: "nextColumn", by: 1 },
  n: { kind: "sort", key: "name" },
  s: { kind: "sort", key: "status" },
  c: { kind: "sort", key: "cpu" },
  m: { kind: "sort", key: "memory" },
  g: { kind: "sort", key: "gpu" },
  i: { kind: "sort", key: "in-flight" },
  l: { kind: "sort", key: "latency" },
  r: { kind: "sort", key: "rate" },
  k: { kind: "scroll", rows: -1 },
  j: { kind: "scroll", rows: 1 },
  "\x1b[A": { kind: "scroll", rows: -1 },
  "\x1b[B": { kind: "scroll", rows: 1 },
  "\x1bOA": { kind: "scroll", rows: -1 },
  "\x1bOB": { kind: "scroll", rows: 1 },
  "\x1b[5~": { kind: "page", pages: -1 },
  "\x1b[6~": { kind: "page", pages: 1 },
  "\x1b[H": { kind: "edge", edge: "first" },
  "\x1b[1~": { kind: "edge", edge: "first" },
  "\x1bOH": { kind: "edge", edge: "first" },
  "\x1b[F": { kind: "edge", edge: "last" },
  "\x1b[4~": { kind: "edge", edge: "last" },
  "\x1bOF": { kind: "edge", edge: "last" },
};

// CSI and SS3 sequences (ECMA-48 section 5.4), else single characters.
const ESCAPE = "\x1b";
const KEY = new RegExp(`${ESCAPE}\\[[0-?]*[ -/]*[@-~]|${ESCAPE}O[A-Z]|[^]`, "g");

/** Reads what was typed; sequences of keys that mean nothing here are passed over as a whole. */
export function intentsOf(typed: string): Intent[] {
  const intents: Intent[] = [];
  for (const [key] of typed.matchAll(KEY)) {
    const intent = INTENTS[key];
    if (intent !== undefined) intents.push(intent);
  }
  return intents;
}
