import { type ApiKey, isMetricsOnly } from "../../../core/plane/api-key.ts";

interface HashedKey extends Pick<ApiKey, "name" | "scopes"> {
  readonly hash: Buffer;
}

/** The accepted keys, as hashes: comparing takes the same time however much of a guess is right. */
export class KeyGuard {
  #keys: readonly HashedKey[] = [];
  #size = 0;

  constructor(keys: readonly ApiKey[]) {
    this.replace(keys);
  }

  /** Accepts these from now on, and no others. */
  replace(keys: readonly ApiKey[]): void {
    this.#keys = keys.map(hashed);
    this.#size = keys.filter((key) => !isMetricsOnly(key)).length;
  }

  /** How many there are that management asks for; those for metrics alone leave it as open as it is. */
  get size(): number {
    return this.#size;
  }

  /** Finds who a key belongs to; null for one that is not accepted. */
  find(key: string): Pick<ApiKey, "name" | "scopes"> | null {
    const presented = sha256(key);
    let found: HashedKey | null = null;
    // All are compared, also after a match.
    for (const known of this.#keys) if (crypto.timingSafeEqual(known.hash, presented)) found ??= known;
    return found;
  }
}

function hashed({ name, key, scopes }: ApiKey): HashedKey {
  return { name, scopes, hash: sha256(key) };
}

function sha256(text: string): Buffer {
  // Header values are latin1; a configured key beyond ASCII is sent as UTF-8 by whoever can.
  return new Bun.CryptoHasher("sha256").update(text, "utf8").digest();
}
