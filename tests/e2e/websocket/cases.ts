/**
 * What a WebSocket client can say, right and wrong, by the groups of the Autobahn test suite: framing, pings, reserved
 * bits and opcodes, fragmentation, UTF-8, closing, sizes, compression. Each case is the octets after the handshake.
 */
import { constants, deflateRawSync } from "node:zlib";
import { BINARY, CLOSE, CONTINUATION, close, frame, PING, PONG, TEXT } from "./frames.ts";

export interface Case {
  readonly id: string;
  readonly frames: readonly Buffer[];
  /** Size of the segments that the octets are sent in; default: all at once. */
  readonly chop?: number;
}

const MIB = 2 ** 20;
/** What ends a case whose frames are all right. */
const BYE = close(1000);
const part = (opcode: number, payload: string | Uint8Array, fin = false): Buffer =>
  frame(opcode, payload, { fin });

function sizes(): Case[] {
  return [TEXT, BINARY].flatMap((opcode) => [
    ...[0, 1, 125, 126, 127, 128, 65_535, 65_536].map((size) => ({
      id: `1.${opcode} ${size} octets`,
      frames: [frame(opcode, "*".repeat(size)), BYE],
    })),
    {
      id: `1.${opcode} 65536 octets in segments of 997`,
      frames: [frame(opcode, "*".repeat(65_536)), BYE],
      chop: 997,
    },
  ]);
}

function pings(): Case[] {
  const ten = Array.from({ length: 10 }, (_, at) => frame(PING, `payload-${at}`));
  const longest = frame(PING, Buffer.alloc(125, 0xfe));
  return [
    { id: "2.1 a ping without payload", frames: [frame(PING), BYE] },
    { id: "2.2 a ping with text", frames: [frame(PING, "Hello, world!"), BYE] },
    { id: "2.3 a ping with octets", frames: [frame(PING, Buffer.from([0, 255, 254, 253, 0, 255])), BYE] },
    { id: "2.4 a ping of 125 octets", frames: [longest, BYE] },
    { id: "2.5 a ping of 126 octets", frames: [frame(PING, Buffer.alloc(126, 0xfe)), BYE] },
    { id: "2.6 a ping octet by octet", frames: [longest, BYE], chop: 1 },
    { id: "2.7 a pong that nobody asked for", frames: [frame(PONG), BYE] },
    { id: "2.8 the same with a payload", frames: [frame(PONG, "unsolicited"), BYE] },
    { id: "2.9 a pong and a ping", frames: [frame(PONG, "unsolicited"), frame(PING, "own"), BYE] },
    { id: "2.10 ten pings", frames: [...ten, BYE] },
    { id: "2.11 ten pings octet by octet", frames: [...ten, BYE], chop: 1 },
  ];
}

function reservedBits(): Case[] {
  return [1, 2, 3, 4, 5, 6, 7].flatMap((rsv) =>
    [TEXT, BINARY, PING, CLOSE].map((opcode) => ({
      id: `3 reserved bits ${rsv} of opcode ${opcode}`,
      frames: [frame(TEXT, "before"), frame(opcode, "", { rsv }), frame(PING, "after"), BYE],
    })),
  );
}

function opcodes(): Case[] {
  return [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
    { id: `4 opcode ${opcode}`, frames: [frame(opcode), BYE] },
    { id: `4 opcode ${opcode} behind a text`, frames: [frame(TEXT, "before"), frame(opcode, "x"), BYE] },
  ]);
}

function fragments(): Case[] {
  const [one, two] = [part(TEXT, "fragment1"), part(CONTINUATION, "fragment2", true)];
  const ping = frame(PING, "ping");
  return [
    { id: "5.1 a ping in fragments", frames: [part(PING, "a"), part(CONTINUATION, "b", true), BYE] },
    { id: "5.2 a pong in fragments", frames: [part(PONG, "a"), part(CONTINUATION, "b", true), BYE] },
    { id: "5.3 a text in fragments", frames: [one, two, BYE] },
    { id: "5.4 the same octet by octet", frames: [one, two, BYE], chop: 1 },
    { id: "5.6 a ping between fragments", frames: [one, ping, two, BYE] },
    { id: "5.8 the same octet by octet", frames: [one, ping, two, BYE], chop: 1 },
    { id: "5.9 a continuation of nothing", frames: [part(CONTINUATION, "x", true), frame(TEXT, "y"), BYE] },
    { id: "5.12 an open continuation of nothing", frames: [part(CONTINUATION, "x"), frame(TEXT, "y"), BYE] },
    {
      id: "5.15 a continuation behind an end",
      frames: [one, two, part(CONTINUATION, "x"), frame(TEXT, "y"), BYE],
    },
    { id: "5.18 a text within a text", frames: [one, part(TEXT, "fragment2", true), BYE] },
    {
      id: "5.19 pings between five fragments",
      frames: [
        ...[TEXT, CONTINUATION, CONTINUATION, CONTINUATION].flatMap((opcode) => [part(opcode, "part"), ping]),
        part(CONTINUATION, "end", true),
        BYE,
      ],
    },
  ];
}

/** From Markus Kuhn's table: boundaries, overlong forms, surrogates, cuts. */
const UTF8: readonly (readonly [about: string, hex: string])[] = [
  ["greek", "cebae1bdb9cf83cebcceb5"],
  ["greek, then a surrogate", "cebae1bdb9cf83cebcceb5eda080656469746564"],
  ["greek, then beyond Unicode", "cebae1bdb9cf83cebcceb5f4908080656469746564"],
  ["cut after 1 of 2 octets", "ce"],
  ["cut after 2 of 3 octets", "cebae1"],
  ["first of 1 octet", "00"],
  ["first of 2 octets", "c280"],
  ["first of 3 octets", "e0a080"],
  ["first of 4 octets", "f0908080"],
  ["5 octets", "f888808080"],
  ["6 octets", "fc8480808080"],
  ["last of 1 octet", "7f"],
  ["last of 2 octets", "dfbf"],
  ["last of 3 octets", "efbfbf"],
  ["last of 4 octets", "f7bfbfbf"],
  ["last of Unicode", "f48fbfbf"],
  ["beyond Unicode", "f4908080"],
  ["a continuation", "80"],
  ["two continuations", "80bf"],
  ["a lonely start of 2", "c020"],
  ["a lonely start of 3", "e020"],
  ["a lonely start of 4", "f020"],
  ["octet fe", "fe"],
  ["octet ff", "ff"],
  ["overlong slash of 2", "c0af"],
  ["overlong slash of 3", "e080af"],
  ["overlong slash of 4", "f08080af"],
  ["a high surrogate", "eda080"],
  ["a low surrogate", "edbfbf"],
  ["a pair of surrogates", "eda080edb080"],
  ["a noncharacter", "efbfbe"],
];

function utf8(): Case[] {
  return UTF8.flatMap(([about, hex]) => {
    const bytes = Buffer.from(hex, "hex");
    const octets = [...bytes].map((octet, at) =>
      part(at === 0 ? TEXT : CONTINUATION, Uint8Array.of(octet), at === bytes.length - 1),
    );
    return [
      { id: `6 ${about}`, frames: [frame(TEXT, bytes), BYE] },
      { id: `6 ${about}, a fragment for each octet`, frames: [...octets, BYE] },
    ];
  });
}

function closes(): Case[] {
  const valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
  const invalid = [0, 999, 1004, 1005, 1006, 1012, 1016, 1100, 2000, 2999, 5000, 65_535];
  return [
    { id: "7.1 a message, then close", frames: [frame(TEXT, "Hello World!"), BYE] },
    { id: "7.1 close twice", frames: [BYE, BYE] },
    { id: "7.1 a ping behind a close", frames: [BYE, frame(PING)] },
    { id: "7.1 a text behind a close", frames: [BYE, frame(TEXT, "late")] },
    {
      id: "7.1 a close within a text",
      frames: [part(TEXT, "fragment1"), BYE, part(CONTINUATION, "x", true)],
    },
    {
      id: "7.1 256 KiB, then close, then ping",
      frames: [frame(TEXT, "*".repeat(262_144)), BYE, frame(PING)],
    },
    { id: "7.3 a close without payload", frames: [frame(CLOSE)] },
    { id: "7.3 a close of one octet", frames: [frame(CLOSE, "a")] },
    { id: "7.3 a reason", frames: [close(1000, "Hello World!")] },
    { id: "7.3 a reason of 123 octets", frames: [close(1000, "*".repeat(123))] },
    { id: "7.3 a reason of 124 octets", frames: [close(1000, "*".repeat(124))] },
    {
      id: "7.5 a reason that is not UTF-8",
      frames: [close(1000, Buffer.from("cebae1bdb9cf83eda080", "hex"))],
    },
    ...valid.map((code) => ({ id: `7.7 code ${code}`, frames: [close(code, `code ${code}`)] })),
    ...invalid.map((code) => ({ id: `7.9 code ${code}`, frames: [close(code)] })),
  ];
}

function large(): Case[] {
  return [
    ...[MIB / 4, MIB, 4 * MIB, 16 * MIB].map((size) => ({
      id: `9.2 ${size} octets`,
      frames: [frame(BINARY, Buffer.alloc(size, 7)), BYE],
    })),
    ...[64, 4096, 65_536].map((each) => ({
      id: `9.4 1 MiB in fragments of ${each}`,
      frames: [...cut(MIB, each), BYE],
    })),
    { id: "9.5 1 MiB in segments of 4096", frames: [frame(TEXT, "x".repeat(MIB)), BYE], chop: 4096 },
    { id: "9.7 1000 messages of 1 KiB", frames: [...repeated(1000, "y".repeat(1024)), BYE] },
  ];
}

function cut(size: number, each: number): Buffer[] {
  return Array.from({ length: size / each }, (_, at) =>
    part(at === 0 ? BINARY : CONTINUATION, Buffer.alloc(each, at), at === size / each - 1),
  );
}

function repeated(count: number, text: string): Buffer[] {
  return Array.from({ length: count }, () => frame(TEXT, text));
}

/** Messages under permessage-deflate, of which the proxy must make nothing. */
function compressed(): Case[] {
  return [16, 1024, 65_536, MIB].map((size) => ({
    id: `12 ${size} octets, compressed`,
    frames: [squeeze(Buffer.from("abcdefgh".repeat(size / 8))), BYE],
  }));
}

/** Compresses a message: a sync flush without the four octets at its end (RFC 7692 section 7.2.1). */
function squeeze(payload: Buffer): Buffer {
  const deflated = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
  return frame(TEXT, deflated.subarray(0, -4), { rsv: 4 });
}

export const CASES: readonly Case[] = [
  ...sizes(),
  ...pings(),
  ...reservedBits(),
  ...opcodes(),
  ...fragments(),
  ...utf8(),
  ...closes(),
  ...large(),
  ...compressed(),
];
