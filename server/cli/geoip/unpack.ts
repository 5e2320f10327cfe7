/** Finds the database in a download: plain, compressed, or inside an archive. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { messageOf } from "../../../core/log/message-of.ts";
import { CommandFailure, EXIT } from "../failure.ts";

/** What compression may blow up to. */
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;
/** The tar header's magic number stands at 257 (POSIX.1-1988). */
const TAR_MAGIC_AT = 257;
const GZIP_MAGIC = [0x1f, 0x8b] as const;

const gunzipped = promisify(gunzip);

/** Gives the bytes of the database file in `content`. */
export async function unpack(content: Buffer): Promise<Buffer> {
  const plain = isGzip(content) ? await inflate(content) : content;
  return isTar(plain) ? memberOf(plain) : plain;
}

function isGzip(content: Buffer): boolean {
  return content[0] === GZIP_MAGIC[0] && content[1] === GZIP_MAGIC[1];
}

function isTar(content: Buffer): boolean {
  return content.toString("latin1", TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === "ustar";
}

async function inflate(content: Buffer): Promise<Buffer> {
  try {
    return await gunzipped(content, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    const why = messageOf(error);
    throw new CommandFailure(EXIT.failed, `the download cannot be unpacked: ${why}`);
  }
}

async function memberOf(tar: Buffer): Promise<Buffer> {
  const members = [...(await new Bun.Archive(tar).files("**/*.mmdb"))];
  const [member] = members;
  if (member === undefined) throw new CommandFailure(EXIT.failed, "the archive holds no .mmdb file");
  return Buffer.from(await member[1].arrayBuffer());
}
