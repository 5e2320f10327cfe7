/** Makes self-signed certificates (RFC 5280). Loaded only when one is made: the library is large. */
import { nameOf } from "./subject-name.ts";

export type KeyType = "ec" | "rsa2048" | "rsa4096";

export interface CertificateOrder {
  /** Host names and addresses; the first one becomes the subject. */
  readonly names: readonly string[];
  readonly days: number;
  readonly keyType: KeyType;
  readonly now: Date;
}

export interface MadeCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  /** RFC 3339. */
  readonly notAfter: string;
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint: string;
}

const DAY_MS = 86_400_000;
/** Clocks of clients may be behind ours. */
const BACKDATED_MS = 3_600_000;
/** ub-common-name of RFC 5280 appendix A.1; longer names stand among the alternative names alone. */
const MAX_COMMON_NAME = 64;
/** RFC 5280 section 4.1.2.2: positive and at most 20 octets; CAs use at least 64 bits of chance. */
const SERIAL_OCTETS = 16;

type Library = typeof import("@peculiar/x509");

/** Makes a key and a certificate for it that is its own authority, so that it can be trusted by itself. */
export async function makeCertificate(order: CertificateOrder): Promise<MadeCertificate> {
  const x509 = await library();
  const algorithm = algorithmOf(order.keyType);
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const names = order.names.flatMap((each) => nameOf(each) ?? []);
  const commonName = order.names[0] ?? "localhost";
  const notAfter = new Date(Math.floor(order.now.getTime() / 1000) * 1000 + order.days * DAY_MS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName.length <= MAX_COMMON_NAME ? commonName : "opsen-server"] }],
    notBefore: new Date(order.now.getTime() - BACKDATED_MS),
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyUsages(x509, order.keyType), true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((each) => ({ ...each }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const hash = await certificate.getThumbprint("SHA-256");
  return {
    cert: `${certificate.toString("pem").trimEnd()}\n`,
    key: await pkcs8(keys.privateKey),
    notAfter: notAfter.toISOString().replace(/\.\d+Z$/, "Z"),
    fingerprint: Buffer.from(hash).toString("hex"),
  };
}

async function library(): Promise<Library> {
  // It looks for this one when it is loaded.
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
};

function algorithmOf(type: KeyType): typeof EC | (typeof RSA & { modulusLength: number }) {
  if (type === "ec") return EC;
  return { ...RSA, modulusLength: type === "rsa2048" ? 2048 : 4096 };
}

/** RSA keys may also carry the secret of old key exchanges (RFC 5280 section 4.2.1.3). */
function keyUsages({ KeyUsageFlags }: Library, type: KeyType): number {
  const common = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign;
  return type === "ec" ? common : common | KeyUsageFlags.keyEncipherment;
}

function serialNumber(): string {
  const octets = crypto.getRandomValues(new Uint8Array(SERIAL_OCTETS));
  // Between 0x40 and 0x7f: positive, and always of the same length.
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(octets).toString("hex");
}

async function pkcs8(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
