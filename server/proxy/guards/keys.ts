/** The configured keys, as hashes: comparing takes the same time however much of a guess is right. */
export class KeyGuard {
  readonly #hashes: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#hashes = [...new Set(keys.filter((key) => key !== ""))].map(sha256);
  }

  get size(): number {
    return this.#hashes.length;
  }

  /** Tells whether the key is one of the configured ones. */
  accepts(key: string): boolean {
    const presented = sha256(key);
    let matches = 0;
    // All are compared, also after a match.
    for (const hash of this.#hashes) if (crypto.timingSafeEqual(hash, presented)) matches++;
    return matches > 0;
  }
}

function sha256(text: string): Buffer {
  // Header values are latin1; a configured key beyond ASCII is sent as UTF-8 by whoever can.
  return new Bun.CryptoHasher("sha256").update(text, "utf8").digest();
}
