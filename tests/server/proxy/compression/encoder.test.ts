import { expect, test } from "bun:test";
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  zstdDecompressSync,
} from "node:zlib";
import * as fc from "fast-check";
import { CONTENT_CODINGS } from "../../../../core/http/accept-encoding.ts";
import { Encoder, selfTest } from "../../../../server/proxy/compression/encoder.ts";

const LEVELS = { gzip: 4, br: 4, zstd: 3 };
const WHOLE = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;
const STREAMS = { gzip: createGunzip, br: createBrotliDecompress, zstd: createZstdDecompress } as const;

const piece = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc
    .tuple(fc.string(), fc.integer({ min: 1, max: 20_000 }))
    .map(([text, times]) => Buffer.from(text.repeat(times))),
);
const steps = fc.array(fc.record({ bytes: piece, flushes: fc.boolean() }), { maxLength: 8 });

test.each(CONTENT_CODINGS)("property: %s gives back what was put in, in whatever pieces", (coding) => {
  fc.assert(
    fc.property(steps, fc.nat(50), (list, offset) => {
      const parts: Buffer[] = [];
      const encoder = new Encoder(coding, LEVELS, (bytes) => parts.push(bytes));
      for (const { bytes, flushes } of list) {
        // In the middle of a larger buffer, as bodies come.
        const around = Buffer.concat([Buffer.alloc(offset, 1), bytes, Buffer.alloc(3, 2)]);
        encoder.write(around, offset, offset + bytes.length);
        around.fill(0);
        if (flushes) encoder.flush();
      }
      encoder.end();
      encoder.close();
      const whole = Buffer.concat(list.map(({ bytes }) => bytes));
      expect(WHOLE[coding](Buffer.concat(parts)).equals(whole)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test.each(CONTENT_CODINGS)(
  "%s: what was flushed can be read, and nothing is flushed twice",
  async (coding) => {
    const parts: Buffer[] = [];
    const encoder = new Encoder(coding, LEVELS, (bytes) => parts.push(bytes));
    const decoder = STREAMS[coding]();
    let heard = "";
    decoder.on("data", (part: Buffer) => (heard += part.toString()));
    for (const text of ["one ", "two ", "three "]) {
      encoder.write(Buffer.from(text), 0, text.length);
      encoder.flush();
      const flushed = parts.length;
      encoder.flush();
      expect(parts.length).toBe(flushed);
      const before = heard;
      const { promise, resolve } = Promise.withResolvers<null>();
      decoder.once("data", () => resolve(null));
      for (const part of parts.splice(0)) decoder.write(part);
      await promise;
      expect(heard).toBe(before + text);
    }
    encoder.close();
  },
);

test("every level of the configuration works", () => {
  for (let level = 1; level <= 12; level++) {
    selfTest({ gzip: Math.min(9, level), br: Math.min(6, level), zstd: level });
  }
  selfTest({ gzip: 1, br: 0, zstd: 1 });
});

test("many encoders stay within what they are counted for", () => {
  const text = Buffer.from(Array.from({ length: 20_000 }, (_, at) => `${at * 7919} `).join(""));
  const highest = { gzip: 9, br: 6, zstd: 12 };
  // As in compression.ts, with some room for the runtime's own.
  const most = { gzip: 0.5, br: 1, zstd: 1.5 } as const;
  for (const coding of CONTENT_CODINGS) {
    const before = process.memoryUsage.rss();
    const encoders = Array.from({ length: 60 }, () => new Encoder(coding, highest, () => {}));
    for (const encoder of encoders) {
      encoder.write(text, 0, text.length);
      encoder.flush();
    }
    const each = (process.memoryUsage.rss() - before) / encoders.length / 1_048_576;
    for (const encoder of encoders) encoder.close();
    expect(each).toBeLessThan(most[coding] * 1.5);
  }
});
