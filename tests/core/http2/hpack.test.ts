import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { HpackDecoder } from "../../../core/http2/hpack/decoder.ts";
import { encodeField, fieldBound, NO_TABLE } from "../../../core/http2/hpack/encoder.ts";
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../../core/http2/hpack/huffman.ts";

type Field = readonly [name: string, value: string];

/** Fields of the one block of a connection. */
const one = (block: string) => decode(new HpackDecoder(4096), hex(block));
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function decode(decoder: HpackDecoder, bytes: Uint8Array): Field[] | null {
  const fields: Field[] = [];
  const block = Buffer.from(bytes);
  const isValid = decoder.decode(block, 0, block.length, {
    field(nameBytes, nameStart, nameEnd, valueBytes, valueStart, valueEnd) {
      const name = nameBytes.toString("latin1", nameStart, nameEnd);
      fields.push([name, valueBytes.toString("latin1", valueStart, valueEnd)]);
    },
  });
  return isValid ? fields : null;
}

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

const REQUESTS: readonly (readonly Field[])[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const RESPONSES: readonly (readonly Field[])[] = [
  [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", COOKIE],
  ],
];

describe("RFC 7541 appendix C", () => {
  const sequences = [
    {
      name: "C.3 requests without Huffman coding",
      tableSize: 4096,
      blocks: [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
      fields: REQUESTS,
    },
    {
      name: "C.4 requests with Huffman coding",
      tableSize: 4096,
      blocks: [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
      fields: REQUESTS,
    },
    {
      name: "C.6 responses with Huffman coding, and eviction",
      tableSize: 256,
      blocks: [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      ],
      fields: RESPONSES,
    },
  ];
  for (const { name, tableSize, blocks, fields } of sequences) {
    test(name, () => {
      const decoder = new HpackDecoder(tableSize);
      const decoded: unknown = blocks.map((block) => decode(decoder, hex(block)));
      expect(decoded).toEqual(fields);
    });
  }

  test("C.2 single fields of each representation", () => {
    expect(one("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")).toEqual([
      ["custom-key", "custom-header"],
    ]);
    expect(one("040c 2f73 616d 706c 652f 7061 7468")).toEqual([[":path", "/sample/path"]]);
    expect(one("1008 7061 7373 776f 7264 0673 6563 7265 74")).toEqual([["password", "secret"]]);
    expect(one("82")).toEqual([[":method", "GET"]]);
  });
});

describe("blocks that are errors (RFC 7541)", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["index 0 (section 6.1)", "80"],
    ["an index behind both tables (section 2.3.3)", "be"],
    ["a literal whose name is behind both tables", "7e00"],
    ["an integer that overflows (section 5.1)", "ff ffffffffffffffff7f"],
    ["a string longer than the block (section 5.2)", "000a61"],
    ["a block that ends in an integer", "7f80"],
    ["padding of more than 7 bits (section 5.2)", "0083 ffffff 00"],
    ["padding that is not the start of EOS (section 5.2)", "0081 00 00"],
    ["EOS in a string (section 5.2)", "0084 ffffffff 00"],
    ["a table larger than announced (section 6.3)", "3fe21f"],
    ["a change of the table behind a field (section 4.2)", "8220"],
  ];
  for (const [name, block] of rows) {
    test(name, () => expect(decode(new HpackDecoder(4096), hex(block))).toBeNull());
  }
});

const octets = fc.uint8Array({ maxLength: 200 });

test("Huffman strings are what they were", () => {
  fc.assert(
    fc.property(octets, (bytes) => {
      const coded = Buffer.alloc(huffmanLength(bytes, 0, bytes.length) + 8);
      const end = huffmanEncode(bytes, 0, bytes.length, coded, 0);
      const plain = Buffer.alloc(2 * coded.length + 8);
      const length = huffmanDecode(coded, 0, end, plain, 0);
      expect(plain.subarray(0, length)).toEqual(Buffer.from(bytes));
    }),
  );
});

test("fields are decoded as they were encoded", () => {
  const field = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60 }), octets, fc.boolean());
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), (fields) => {
      const bound = fields.reduce((sum, [name, value]) => sum + fieldBound(name.length + value.length), 1);
      const block = Buffer.alloc(bound);
      block[0] = NO_TABLE;
      let at = 1;
      for (const [name, value, secret] of fields) at = encodeField(name, value, secret, block, at);
      expect(decode(new HpackDecoder(4096), block.subarray(0, at))).toEqual(
        fields.map(([name, value]) => [latin1(name), latin1(value)]),
      );
    }),
  );
});

test("no octets make the decoder throw", () => {
  const decoder = new HpackDecoder(4096);
  fc.assert(
    fc.property(octets, (bytes) => {
      decode(decoder, bytes);
    }),
    { numRuns: 2000 },
  );
});
