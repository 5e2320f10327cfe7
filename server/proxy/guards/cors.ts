import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Header } from "../context.ts";

export type CorsVerdict =
  | { readonly kind: "pass"; readonly headers: readonly Header[] }
  | { readonly kind: "preflight"; readonly headers: readonly Header[] }
  | { readonly kind: "forbidden"; readonly headers: readonly Header[] };

const NOTHING_TO_DO: CorsVerdict = { kind: "pass", headers: [] };
const VARY: Header = ["Vary", "Origin"];

/** Cross-origin rules of the management API. Requests without `Origin` are none of its business. */
export class CorsGuard {
  readonly #enabled: boolean;
  readonly #origins: ReadonlySet<string>;

  constructor(enabled: boolean, origins: readonly string[]) {
    this.#enabled = enabled;
    this.#origins = new Set(origins);
  }

  check(head: RequestHead): CorsVerdict {
    if (!this.#enabled) return NOTHING_TO_DO;
    const origin = head.get("origin");
    if (origin === null) return NOTHING_TO_DO;
    if (this.#origins.size === 0) return this.#answer(head, [VARY]);
    if (this.#origins.has(origin)) {
      return this.#answer(head, [VARY, ["Access-Control-Allow-Origin", origin]]);
    }
    if (this.#origins.has("*")) return this.#answer(head, [VARY, ["Access-Control-Allow-Origin", "*"]]);
    return { kind: "forbidden", headers: [VARY] };
  }

  #answer(head: RequestHead, headers: readonly Header[]): CorsVerdict {
    if (head.method !== "OPTIONS") return { kind: "pass", headers };
    return {
      kind: "preflight",
      headers: [
        ...headers,
        ["Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS"],
        ["Access-Control-Allow-Headers", "Content-Type, X-API-Key, Authorization"],
        ["Access-Control-Max-Age", "600"],
      ],
    };
  }
}
