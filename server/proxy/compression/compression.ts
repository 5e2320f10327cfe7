import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { type ContentCoding, preferredCoding } from "../../../core/http/accept-encoding.ts";
import { type CodingRules, mediaTypeTest } from "../../../core/http/content-coding.ts";
import type { CounterName } from "../../../core/table/figures/counter-names.ts";
import { type CodedSink, Encoder, type EncoderLevels, selfTest } from "./encoder.ts";

type CompressionKeys = Pick<
  ServerConfig,
  | "compression_enabled"
  | "compression_algorithms"
  | "compression_types"
  | "compression_min_bytes"
  | "compression_gzip_level"
  | "compression_br_level"
  | "compression_zstd_level"
  | "compression_memory_mb"
>;

const MB = 1_048_576;
/** What the encoder of one answer takes at most, whatever its level: measured, with the windows that are used. */
const COST_BYTES: Record<ContentCoding, number> = { gzip: 0.5 * MB, br: MB, zstd: 1.5 * MB };
/** Clients send a few dozen values of Accept-Encoding between them. */
const MAX_REMEMBERED = 256;

/** The compression of one worker: its rules, and the memory that all its encoders share. */
export class Compression {
  readonly rules: CodingRules;
  readonly #levels: EncoderLevels;
  readonly #count: (counter: CounterName) => void;
  readonly #remembered = new Map<string, ContentCoding | "">();
  #freeBytes: number;

  /** Null when it is off. Throws when this runtime cannot do it. */
  static of(config: CompressionKeys, count: (counter: CounterName) => void): Compression | null {
    return config.compression_enabled ? new Compression(config, count) : null;
  }

  private constructor(config: CompressionKeys, count: (counter: CounterName) => void) {
    const { compression_algorithms: offered } = config;
    this.#levels = {
      gzip: config.compression_gzip_level,
      br: config.compression_br_level,
      zstd: config.compression_zstd_level,
    };
    selfTest(this.#levels);
    this.#count = count;
    this.#freeBytes = config.compression_memory_mb * MB;
    this.rules = {
      fits: mediaTypeTest(config.compression_types),
      minBytes: config.compression_min_bytes,
      preferred: (value) => (value === null ? "" : this.#preferred(value, offered)),
    };
  }

  /** Gives an encoder, to be given back; null when too many are in use. */
  open(coding: ContentCoding, sink: CodedSink): Encoder | null {
    if (this.#freeBytes < COST_BYTES[coding]) {
      this.#count("compression_over_memory");
      return null;
    }
    this.#freeBytes -= COST_BYTES[coding];
    this.#count("answers_compressed");
    return new Encoder(coding, this.#levels, sink);
  }

  giveBack(encoder: Encoder): void {
    this.#freeBytes += COST_BYTES[encoder.coding];
    encoder.close();
  }

  #preferred(value: string, offered: readonly ContentCoding[]): ContentCoding | "" {
    const known = this.#remembered.get(value);
    if (known !== undefined) return known;
    const coding = preferredCoding(value, offered);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(value, coding);
    return coding;
  }
}
