import type { SecureContext, SecureContextOptions } from "node:tls";
import type { CertificateSet } from "../../../core/plane/messages.ts";
import { findByName } from "../../../core/tls/names.ts";

type MakeContext = (options: SecureContextOptions) => SecureContext;

/** What all certificates of the listener have in common. */
export interface ContextRules {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly ciphers: string;
}

/**
 * Ciphers with authenticated encryption and fresh keys alone (RFC 9325 section 4.2). Of TLS 1.3 there are no others.
 */
export const CIPHERS: string = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** The certificates that a listener shows, by the name that the client asks for. */
export class ServerCertificates {
  readonly #make: MakeContext;
  readonly #rules: ContextRules;
  #set: CertificateSet;
  #fallback: SecureContext;
  #contexts: readonly SecureContext[];

  constructor(make: MakeContext, rules: ContextRules, set: CertificateSet) {
    this.#make = make;
    this.#rules = rules;
    this.#set = set;
    this.#fallback = make(this.optionsOf(set.fallback));
    this.#contexts = set.named.map((one) => make(this.optionsOf(one)));
  }

  /** Turns to other certificates, for handshakes from now on. Throws, and changes nothing, when they cannot be used. */
  replace(set: CertificateSet): void {
    const fallback = this.#make(this.optionsOf(set.fallback));
    this.#contexts = set.named.map((one) => this.#make(this.optionsOf(one)));
    this.#fallback = fallback;
    this.#set = set;
  }

  /** The context for the name that the client asks for. */
  contextFor(name: string): SecureContext {
    return this.#contexts[findByName(this.#set.named, name)] ?? this.#fallback;
  }

  /** Options of a context with that certificate. */
  optionsOf({ cert, key }: { readonly cert: string; readonly key: string }): SecureContextOptions {
    return { cert, key, ...this.#rules, ...(this.#set.clientCa === "" ? {} : { ca: this.#set.clientCa }) };
  }
}
