import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib";
import type { ContentCoding } from "../../../core/http/accept-encoding.ts";

/** Takes coded bytes, which are its own to keep. */
export type CodedSink = (bytes: Buffer) => void;

export interface EncoderLevels {
  readonly gzip: number;
  readonly br: number;
  readonly zstd: number;
}

type WriteSync = (
  flush: number,
  ...buffers: [
    input: Buffer,
    inputStart: number,
    inputLength: number,
    output: Buffer,
    outputStart: number,
    outputLength: number,
  ]
) => void;

/**
 * What node:zlib's streams are made of. Their public side works through the thread pool and a queue of promises, which
 * costs five times the processor time for a typical answer (22 against 140 µs for 1 KB) and lets bytes wait where no
 * deadline of ours sees them. `selfTest` says at the start whether this runtime still has it.
 */
interface RawStream {
  readonly _handle: { readonly writeSync: WriteSync };
  /** After a write: room left in the output, and input that was not looked at. */
  readonly _writeState: Uint32Array;
  readonly destroyed: boolean;
  on(event: "error", listener: () => void): void;
  close(): void;
}

/**
 * How much of the past is looked at, as powers of two: bounds memory at every level, and what a client must keep. With
 * 2^17 Brotli takes up to 25 MB at its higher levels, and Zstandard does so unless its tables are bounded as well.
 */
const BROTLI_WINDOW_BITS = 16;
const ZSTD_BITS = 17;
const OUTPUT_BYTES = 65_536;
const NOTHING: Buffer = Buffer.alloc(0);
const OPERATIONS = {
  gzip: { write: constants.Z_NO_FLUSH, flush: constants.Z_SYNC_FLUSH, end: constants.Z_FINISH },
  br: {
    write: constants.BROTLI_OPERATION_PROCESS,
    flush: constants.BROTLI_OPERATION_FLUSH,
    end: constants.BROTLI_OPERATION_FINISH,
  },
  zstd: { write: constants.ZSTD_e_continue, flush: constants.ZSTD_e_flush, end: constants.ZSTD_e_end },
} as const;

/** Scratch of the thread: an encoder never waits between its use. */
const output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);

/** Codes one body, each piece at once. Must be closed. */
export class Encoder {
  readonly coding: ContentCoding;
  readonly #raw: RawStream;
  readonly #sink: CodedSink;
  /** Bytes were taken in that a reader cannot have yet. */
  #holdsBack = false;

  constructor(coding: ContentCoding, levels: EncoderLevels, sink: CodedSink) {
    this.coding = coding;
    this.#sink = sink;
    this.#raw = openRaw(coding, levels);
  }

  write(bytes: Buffer, start: number, end: number): void {
    if (end <= start) return;
    this.#holdsBack = true;
    this.#run(OPERATIONS[this.coding].write, bytes, start, end);
  }

  /** Gives out all that was written so far, so that a reader has it now. */
  flush(): void {
    if (!this.#holdsBack) return;
    this.#holdsBack = false;
    this.#run(OPERATIONS[this.coding].flush, NOTHING, 0, 0);
  }

  end(): void {
    this.#run(OPERATIONS[this.coding].end, NOTHING, 0, 0);
  }

  close(): void {
    this.#raw.close();
  }

  #run(operation: number, bytes: Buffer, start: number, end: number): void {
    const { _handle: handle, _writeState: state } = this.#raw;
    let from = start;
    for (;;) {
      handle.writeSync(operation, bytes, from, end - from, output, 0, OUTPUT_BYTES);
      if (this.#raw.destroyed) throw new Error(`${this.coding} cannot compress an answer`);
      const [roomLeft = 0, inputLeft = 0] = state;
      if (roomLeft < OUTPUT_BYTES) this.#sink(Buffer.from(output.subarray(0, OUTPUT_BYTES - roomLeft)));
      from = end - inputLeft;
      if (roomLeft > 0) return;
    }
  }
}

/** Throws when this runtime's zlib does not work as it is used here. */
export function selfTest(levels: EncoderLevels): void {
  const text = Buffer.from("the quick brown fox jumps over the lazy dog ".repeat(20));
  for (const coding of ["gzip", "br", "zstd"] as const) {
    const parts: Buffer[] = [];
    const encoder = new Encoder(coding, levels, (bytes) => parts.push(bytes));
    encoder.write(text, 0, text.length);
    encoder.end();
    encoder.close();
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size === 0 || size >= text.length) throw new Error(`${coding} does not compress in this runtime`);
  }
}

function openRaw(coding: ContentCoding, levels: EncoderLevels): RawStream {
  const raw = openStream(coding, levels);
  if (!isRaw(raw)) throw new Error("this runtime's zlib is made otherwise");
  // An error shows in `destroyed`; unheard, its event would end the thread.
  raw.on("error", () => {});
  return raw;
}

function openStream(coding: ContentCoding, levels: EncoderLevels): object {
  if (coding === "gzip") return createGzip({ level: levels.gzip });
  if (coding === "zstd") {
    const { ZSTD_c_compressionLevel: level, ZSTD_c_windowLog: window } = constants;
    const tables = { [constants.ZSTD_c_hashLog]: ZSTD_BITS, [constants.ZSTD_c_chainLog]: ZSTD_BITS };
    return createZstdCompress({ params: { [level]: levels.zstd, [window]: ZSTD_BITS, ...tables } });
  }
  const { BROTLI_PARAM_QUALITY: level, BROTLI_PARAM_LGWIN: window } = constants;
  return createBrotliCompress({ params: { [level]: levels.br, [window]: BROTLI_WINDOW_BITS } });
}

/** See {@link RawStream}: these members exist, though no type of node:zlib names them. */
function isRaw(stream: object): stream is RawStream {
  return "_handle" in stream && Reflect.get(stream, "_writeState") instanceof Uint32Array;
}
