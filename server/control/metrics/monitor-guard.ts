/** Who may have the metrics on the port that is for them alone. */
import { createHash, timingSafeEqual } from "node:crypto";
import { bearerIn } from "../../../core/http/bearer.ts";
import { isLoopback } from "../../../core/http/cidr.ts";
import { isOwnAuthority } from "../../../core/http/own-authority.ts";
import { type ApiKey, isMetricsOnly, mayRead } from "../../../core/plane/api-key.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import type { Tables } from "../../../core/table/tables.ts";
import { problem } from "../api/answers.ts";

/** What a page in a browser sends, and what a proxy on this host adds for a client of its own. */
const FOR_OTHERS = ["origin", "x-forwarded-for", "x-real-ip", "forwarded", "via"] as const;

export interface MonitorGuardDeps {
  readonly tables: Pick<Tables, "authFailures" | "counters" | "worker">;
  /** Answers anybody when there is no key at all. */
  readonly insecureNoAuth: () => boolean;
  readonly now: () => number;
}

/** Asks for a key that may read metrics; without any key, for a caller on this host. */
export class MonitorGuard {
  readonly #deps: MonitorGuardDeps;
  #hashes: readonly Buffer[] = [];

  constructor(deps: MonitorGuardDeps, keys: readonly ApiKey[]) {
    this.#deps = deps;
    this.setKeys(keys);
  }

  /** Accepts these from now on. */
  setKeys(keys: readonly ApiKey[]): void {
    this.#hashes = keys.filter((key) => isMetricsOnly(key) || sees(key)).map(({ key }) => sha256(key));
  }

  /** Null when the request may be answered, else the answer. */
  check(request: Request, peer: string): Response | null {
    if (this.#hashes.length === 0) return this.#checkKeyless(request, peer);
    const { tables, now } = this.#deps;
    const { hi, lo } = rateKey(peer);
    if (tables.authFailures.peek(hi, lo, now()) > 0) {
      return problem(429, "Too many requests with a missing or wrong token came from this address. Wait.");
    }
    const key = bearerIn(request.headers.get("authorization")) ?? request.headers.get("x-api-key");
    if (key !== null && this.#accepts(key)) return null;
    tables.counters.inc(tables.worker, "auth_failures");
    tables.authFailures.allow(hi, lo, now());
    const detail = "Send the token in the header Authorization: Bearer.";
    return problem(401, detail, { headers: { "WWW-Authenticate": 'Bearer realm="metrics"' } });
  }

  #accepts(key: string): boolean {
    const presented = sha256(key);
    let isKnown = false;
    // All are compared, also after a match.
    for (const hash of this.#hashes) if (timingSafeEqual(hash, presented)) isKnown = true;
    return isKnown;
  }

  #checkKeyless({ headers }: Request, peer: string): Response | null {
    if (this.#deps.insecureNoAuth()) return null;
    const isOurs = isLoopback(peer) && isOwnAuthority(headers.get("host") ?? "");
    if (isOurs && !FOR_OTHERS.some((name) => headers.get(name) !== null)) return null;
    return problem(
      403,
      "No token is configured: metrics go to callers on this host. Set metrics_bearer_token.",
    );
  }
}

function sees(key: ApiKey): boolean {
  return mayRead(key) || key.scopes.includes("metrics");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
