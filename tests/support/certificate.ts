/**
 * Makes self-signed certificates in memory, so that TLS tests need no file and no tool. Writes the few
 * DER structures of RFC 5280 that a certificate for `localhost` and 127.0.0.1 needs.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const OID_ECDSA_SHA256 = "2a8648ce3d040302";
const OID_COMMON_NAME = "550403";
const OID_SUBJECT_ALT_NAME = "551d11";
const OID_BASIC_CONSTRAINTS = "551d13";
const DAY_MS = 86_400_000;

/** Creates an EC P-256 certificate that is its own authority, valid from yesterday for 30 days. */
export function selfSigned(commonName = "localhost"): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const body = certificateBody(commonName, publicKey);
  const signature = sign("sha256", body, privateKey);
  const algorithm = sequence(oid(OID_ECDSA_SHA256));
  const der = sequence(body, algorithm, field(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return {
    cert: pem("CERTIFICATE", der),
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

/** SHA-256 over the DER of a PEM certificate, to tell two certificates apart. */
export function fingerprint(certPem: string): string {
  const der = Buffer.from(certPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return createHash("sha256").update(der).digest("hex");
}

function certificateBody(commonName: string, publicKey: KeyObject): Buffer {
  const name = sequence(field(0x31, sequence(oid(OID_COMMON_NAME), utf8(commonName))));
  const now = Date.now();
  const serial = randomBytes(8);
  serial[0] = 1; // positive and without a leading zero
  return sequence(
    field(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    sequence(oid(OID_ECDSA_SHA256)),
    name,
    sequence(utcTime(now - DAY_MS), utcTime(now + 30 * DAY_MS)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    field(0xa3, sequence(basicConstraints(), altNames(commonName))),
  );
}

function basicConstraints(): Buffer {
  const isAuthority = sequence(field(0x01, Buffer.from([0xff])));
  return sequence(oid(OID_BASIC_CONSTRAINTS), field(0x01, Buffer.from([0xff])), field(0x04, isAuthority));
}

function altNames(commonName: string): Buffer {
  const names = [
    field(0x82, Buffer.from(commonName, "latin1")),
    field(0x82, Buffer.from("localhost", "latin1")),
    field(0x87, Buffer.from([127, 0, 0, 1])),
  ];
  return sequence(oid(OID_SUBJECT_ALT_NAME), field(0x04, sequence(...names)));
}

function field(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 256) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 255]), content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return field(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return field(0x06, Buffer.from(hex, "hex"));
}

function integer(bytes: Uint8Array): Buffer {
  return field(0x02, bytes);
}

function utf8(text: string): Buffer {
  return field(0x0c, Buffer.from(text, "utf8"));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return field(0x17, Buffer.from(`${digits}Z`, "latin1"));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
