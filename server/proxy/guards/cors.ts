import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Header } from "../context.ts";

export type CorsVerdict =
  | { readonly kind: "pass"; readonly headers: readonly Header[] }
  | { readonly kind: "preflight"; readonly headers: readonly Header[] }
  | { readonly kind: "forbidden"; readonly headers: readonly Header[] };

const NOTHING_TO_DO: CorsVerdict = { kind: "pass", headers: [] };
const ALLOWED_HEADERS = ["Content-Type", "X-API-Key", "Authorization"] as const;
/** A page may read a few headers unasked; when to come again is not among them. */
const EXPOSED: Header = ["Access-Control-Expose-Headers", "Retry-After"];
const VARY: Header = ["Vary", "Origin"];

/** Cross-origin rules of the management API. Requests without `Origin` are none of its business. */
export class CorsGuard {
  readonly #enabled: boolean;
  readonly #origins: ReadonlySet<string>;
  readonly #allowHeaders: string;

  /** `headers` are the configured names that callers send beside the fixed ones. */
  constructor(enabled: boolean, origins: readonly string[], headers: readonly string[]) {
    this.#enabled = enabled;
    this.#origins = new Set(origins);
    this.#allowHeaders = [...ALLOWED_HEADERS, ...headers.filter((name) => name !== "")].join(", ");
  }

  /** Tells whether a page of that origin may call. */
  allows(origin: string): boolean {
    return this.#enabled && (this.#origins.has(origin) || this.#origins.has("*"));
  }

  check(head: RequestHead): CorsVerdict {
    if (!this.#enabled) return NOTHING_TO_DO;
    const origin = head.get("origin");
    // A cache must not serve to a page what was answered to somebody without Origin.
    if (origin === null) return { kind: "pass", headers: [VARY] };
    if (this.#origins.size === 0) return this.#answer(head, [VARY]);
    if (this.#origins.has(origin)) {
      return this.#answer(head, [VARY, ["Access-Control-Allow-Origin", origin]]);
    }
    if (this.#origins.has("*")) return this.#answer(head, [VARY, ["Access-Control-Allow-Origin", "*"]]);
    return { kind: "forbidden", headers: [VARY] };
  }

  #answer(head: RequestHead, headers: readonly Header[]): CorsVerdict {
    if (head.method !== "OPTIONS") return { kind: "pass", headers: [...headers, EXPOSED] };
    return {
      kind: "preflight",
      headers: [
        ...headers,
        ["Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"],
        ["Access-Control-Allow-Headers", this.#allowHeaders],
        ["Access-Control-Max-Age", "600"],
      ],
    };
  }
}
