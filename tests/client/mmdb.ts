/**
 * Writes a small MaxMind database by the published format (MaxMind DB File Format Specification 2.0): an IPv4
 * search tree of 24-bit records with one network in it, a data section, the metadata.
 */

export interface CityEntry {
  readonly latitude: number;
  readonly longitude: number;
  readonly country: string;
  readonly city: string;
}

/** Gives the bytes of a database that knows the network `first.0.0.0/8` only. */
export function cityDatabase(firstOctet: number, entry: CityEntry): Buffer {
  const nodes = 8;
  const notFound = nodes;
  // A record above the number of nodes points into the data section, 16 bytes of separator further on.
  const found = nodes + 16;
  const tree = Buffer.alloc(nodes * 6);
  for (let node = 0; node < nodes; node++) {
    const bit = (firstOctet >> (7 - node)) & 1;
    const next = node === nodes - 1 ? found : node + 1;
    tree.writeUIntBE(bit === 0 ? next : notFound, node * 6, 3);
    tree.writeUIntBE(bit === 1 ? next : notFound, node * 6 + 3, 3);
  }
  const data = map({
    city: map({ names: map({ en: text(entry.city) }) }),
    country: map({ iso_code: text(entry.country) }),
    location: map({ latitude: double(entry.latitude), longitude: double(entry.longitude) }),
  });
  const metadata = map({
    binary_format_major_version: uint(5, 2),
    binary_format_minor_version: uint(5, 0),
    build_epoch: uint(9, 1_700_000_000),
    database_type: text("GeoLite2-City"),
    description: map({ en: text("test") }),
    ip_version: uint(5, 4),
    languages: Buffer.concat([Buffer.from([1, 4]), text("en")]),
    node_count: uint(6, nodes),
    record_size: uint(5, 24),
  });
  const marker = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from("MaxMind.com")]);
  return Buffer.concat([tree, Buffer.alloc(16), data, marker, metadata]);
}

/** Control byte: the type in the upper three bits (above 7 in a further byte, less 7), the size in the lower five. */
function control(type: number, size: number): Buffer {
  return type <= 7 ? Buffer.from([(type << 5) | size]) : Buffer.from([size, type - 7]);
}

function text(value: string): Buffer {
  return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return Buffer.concat([control(3, 8), bytes]);
}

function uint(type: 5 | 6 | 9, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  const size = { 5: 2, 6: 4, 9: 4 }[type];
  return Buffer.concat([control(type, size), bytes.subarray(4 - size)]);
}

function map(entries: Readonly<Record<string, Buffer>>): Buffer {
  const pairs = Object.entries(entries).flatMap(([key, value]) => [text(key), value]);
  return Buffer.concat([control(7, pairs.length / 2), ...pairs]);
}
