/** `opsen-server tls-cert`: a self-signed certificate and its key, as files. */
import { constants } from "node:fs";
import { access, mkdir, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "../../core/log/message-of.ts";
import type { Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CertificateOrder, KeyType } from "./x509/certificate.ts";
import { nameOf } from "./x509/subject-name.ts";

const DEFAULT_DIRECTORY = "certs";
const DEFAULT_DOMAIN = "localhost";
const DEFAULT_DAYS = 365;
/** Clients refuse certificates that are valid for a human lifetime, and dates past 2049 need another encoding. */
const MAX_DAYS = 3650;
const ALWAYS_NAMED = ["localhost", "127.0.0.1", "::1"];
/** Only its owner may read a key. */
const KEY_MODE = 0o600;
const CERTIFICATE_MODE = 0o644;

export async function tlsCert({ given, out }: Context): Promise<number> {
  const order = orderOf(given);
  const directory = resolve(given.args[0] ?? DEFAULT_DIRECTORY);
  const files = { cert: join(directory, "server.crt"), key: join(directory, "server.key") };
  const isForced = given.on("force");
  if (!isForced) await refuseExisting(Object.values(files));
  const { makeCertificate } = await import("./x509/certificate.ts");
  const made = await makeCertificate(order);
  try {
    await mkdir(directory, { recursive: true });
    await writeWhole(files.key, made.key, KEY_MODE, isForced);
    await writeWhole(files.cert, made.cert, CERTIFICATE_MODE, isForced);
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `cannot write the certificate: ${messageOf(error)}`);
  }
  const answer = { cert_file: files.cert, key_file: files.key, names: order.names, not_after: made.notAfter };
  out(given.on("json") ? `${JSON.stringify(answer)}\n` : summary(answer, made.fingerprint));
  return EXIT.ok;
}

interface Made {
  readonly cert_file: string;
  readonly key_file: string;
  readonly names: readonly string[];
  readonly not_after: string;
}

function summary(
  { cert_file: cert, key_file: key, names, not_after: end }: Made,
  fingerprint: string,
): string {
  return [
    `# self-signed, for ${names.join(", ")}, until ${end}`,
    `# SHA-256 ${fingerprint}`,
    `tls_cert_file: ${cert}`,
    `tls_key_file: ${key}`,
    "",
  ].join("\n");
}

function orderOf(given: Inputs): CertificateOrder {
  const [, domain = DEFAULT_DOMAIN, days = String(DEFAULT_DAYS)] = given.args;
  if (!/^\d{1,4}$/.test(days) || Number(days) < 1 || Number(days) > MAX_DAYS) {
    throw new CommandFailure(EXIT.usage, `DAYS must be a whole number from 1 to ${MAX_DAYS}, not ${days}`);
  }
  const names = [...new Set([domain, ...given.all("san"), ...ALWAYS_NAMED])];
  const wrong = names.find((each) => nameOf(each) === null);
  if (wrong !== undefined) {
    const got = JSON.stringify(wrong.slice(0, 100));
    throw new CommandFailure(
      EXIT.usage,
      `${got} is neither a host name, such as *.example.com, nor an IP address`,
    );
  }
  const type = given.text("key-type") ?? "ec";
  const keyType: KeyType = type === "rsa2048" || type === "rsa4096" ? type : "ec";
  return { names, days: Number(days), keyType, now: new Date() };
}

async function refuseExisting(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const isThere = await access(file, constants.F_OK).then(
      () => true,
      () => false,
    );
    if (isThere) throw new CommandFailure(EXIT.failed, `${file} exists; --force replaces it`);
  }
}

/** Writes beside the file and moves it there: a server that watches it never sees half of it. */
async function writeWhole(path: string, text: string, mode: number, isForced: boolean): Promise<void> {
  // "wx" fails on a file that has come since, and follows no link that somebody put there.
  if (!isForced) return writeNew(path, text, mode);
  const aside = `${path}.${process.pid}.part`;
  try {
    await writeNew(aside, text, mode);
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
