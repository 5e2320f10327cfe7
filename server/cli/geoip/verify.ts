/** Looks whether a file is a MaxMind database that names places. */
import { createHash } from "node:crypto";
import { messageOf } from "../../../core/log/message-of.ts";
import { CommandFailure, EXIT } from "../failure.ts";

export interface DatabaseFacts {
  /** Such as GeoLite2-City. */
  readonly type: string;
  /** Day on which it was made, RFC 3339. */
  readonly built: string;
  readonly size: number;
  readonly sha256: string;
}

/** Opens it as the server would; ends the command when that fails or it knows no cities. */
export async function inspect(database: Buffer): Promise<DatabaseFacts> {
  const { Reader } = await import("maxmind");
  let type: string;
  let built: Date;
  try {
    const { metadata } = new Reader(database);
    type = metadata.databaseType;
    built = metadata.buildEpoch;
  } catch (error) {
    const why = messageOf(error);
    throw new CommandFailure(EXIT.failed, `that is no MaxMind database: ${why}; nothing was replaced`);
  }
  if (!/City|Enterprise|Insights/i.test(type)) {
    throw new CommandFailure(EXIT.failed, `a City database is needed, that is ${type}; nothing was replaced`);
  }
  return {
    type,
    built: built.toISOString().slice(0, 10),
    size: database.byteLength,
    sha256: createHash("sha256").update(database).digest("hex"),
  };
}
