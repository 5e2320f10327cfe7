/** Sessions by cookie: a browser brings along which backend it is on, so that no server has to remember it. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { takeCookie } from "../../../core/http/cookie-field.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Backend } from "../../../core/plane/snapshot.ts";
import type { Header } from "../context.ts";
import type { Exchange } from "./exchange.ts";

/** Tells the cookies of this product and form from whatever else may be signed with the same key. */
const PURPOSE = "opsen sticky cookie 1";
/** Guessing one of 2^128 values is out of the question, and a short value costs every request less. */
const VALUE_BYTES = 16;

type CookieKeys = Pick<
  ServerConfig,
  | "sticky_cookie"
  | "sticky_cookie_ttl_seconds"
  | "sticky_cookie_secure"
  | "sticky_cookie_same_site"
  | "sticky_cookie_path"
  | "sticky_cookie_domain"
>;

interface Signed {
  readonly backend: Backend;
  readonly value: string;
  /** What an answer gets that sets the cookie: by HTTP, and by HTTPS. */
  readonly plain: readonly Header[];
  readonly secure: readonly Header[];
}

/**
 * The cookies of all backends that a worker knows. A value is the HMAC of its backend's id: nobody can make one without
 * the key, it says nothing of the backend, and servers with the same key agree on it. It is computed once per backend,
 * so that to verify a cookie is to look it up.
 */
export class StickyCookies {
  readonly #config: CookieKeys;
  readonly #key: string;
  readonly #name: Buffer;
  readonly #byValue = new Map<string, Signed>();
  readonly #byRow: (Signed | null)[] = [];

  constructor(config: CookieKeys, key: string) {
    this.#config = config;
    this.#key = key;
    this.#name = Buffer.from(config.sticky_cookie, "latin1");
  }

  /** Sets the backend of a row, or forgets it. */
  set(row: number, backend: Backend | null): void {
    const before = this.#byRow[row];
    if (before && this.#byValue.get(before.value) === before) this.#byValue.delete(before.value);
    const signed = backend === null ? null : this.#sign(backend);
    this.#byRow[row] = signed;
    if (signed !== null) this.#byValue.set(signed.value, signed);
  }

  /**
   * Takes our cookie out of the request and, unless a header names the session, prefers the backend that it names. One
   * that we have not made, or whose backend is gone, is no cookie.
   */
  read({ head, query, facts, plane }: Exchange): void {
    const value = takeCookie(head, this.#name);
    const { stickyHeader } = plane.options;
    if (stickyHeader !== "" && (head.get(stickyHeader) ?? "") !== "") return;
    facts.byCookie = true;
    const signed = value === "" ? undefined : this.#byValue.get(value);
    if (signed === undefined) return;
    query.preferredRow = signed.backend.row;
    query.preferredGeneration = signed.backend.generation;
  }

  /** Has the answer set the cookie if the client is now on another backend than its cookie says. */
  answer(exchange: Exchange, response: ResponseHead): void {
    const { facts, query, plane } = exchange;
    if (!facts.byCookie || facts.place === null) return;
    const { row, generation } = facts.place.backend;
    const isSame = row === query.preferredRow && generation === query.preferredGeneration;
    if (isSame || this.#isElsewhere(exchange)) return;
    const signed = this.#byRow[row];
    if (!signed || signed.backend.generation !== generation) return;
    exchange.responseExtra = [
      ...exchange.responseExtra,
      ...(facts.proto === "https" ? signed.secure : signed.plain),
    ];
    if (response.find("cdn-cache-control") >= 0) exchange.responseExtra = [...exchange.responseExtra, CDN];
    // A session by address, which gave this backend, has been counted.
    if (exchange.delivery.choice.pick.stickyOutcome === "none") plane.count("sticky_assigned");
  }

  /** The client's own backend does not serve this path: it stays there with everything else. */
  #isElsewhere({ query, head, plane }: Exchange): boolean {
    if (query.preferredRow < 0) return false;
    const own = plane.directory.place(query.preferredRow, query.preferredGeneration);
    if (own === null) return false;
    return (plane.directory.endpointsFor(head.path)?.[own.backend.pathGroup] ?? 0) < 0;
  }

  #sign(backend: Backend): Signed {
    const mac = new Bun.CryptoHasher("sha256", this.#key).update(`${PURPOSE}\0${backend.clientId}`).digest();
    const value = mac.subarray(0, VALUE_BYTES).toString("base64url");
    return { backend, value, plain: this.#headers(value, false), secure: this.#headers(value, true) };
  }

  #headers(value: string, isSecure: boolean): readonly Header[] {
    const config = this.#config;
    const secure = config.sticky_cookie_secure === "auto" ? isSecure : config.sticky_cookie_secure;
    const attributes = [
      `Path=${config.sticky_cookie_path}`,
      ...(config.sticky_cookie_domain === "" ? [] : [`Domain=${config.sticky_cookie_domain}`]),
      ...(config.sticky_cookie_ttl_seconds === 0 ? [] : [`Max-Age=${config.sticky_cookie_ttl_seconds}`]),
      "HttpOnly",
      ...(secure ? ["Secure"] : []),
      ...(config.sticky_cookie_same_site === "unset"
        ? []
        : [`SameSite=${SAME_SITE[config.sticky_cookie_same_site] ?? "Lax"}`]),
    ];
    return [
      ["Set-Cookie", `${config.sticky_cookie}=${value}; ${attributes.join("; ")}`],
      // A shared cache would give this client's cookie to others (RFC 9111 section 7.3); of two rules the stricter counts.
      ["Cache-Control", "private"],
    ];
  }
}

/** Where a response has this field shared caches heed no Cache-Control (RFC 9213 section 2.2). */
const CDN: Header = ["CDN-Cache-Control", "private"];

const SAME_SITE: Readonly<Record<string, string>> = { lax: "Lax", strict: "Strict", none: "None" };
