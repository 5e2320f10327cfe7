/** Looks up where addresses are. */
import type { CityResponse } from "maxmind";
import type { Place } from "../../../core/scoring/index.ts";
import { StartError } from "./start-error.ts";

/** Where an address is; null when that is not known. */
export type Locate = (address: string) => Place | null;

/** Opens a MaxMind database of the City kind. Throws StartError when the bytes are no such database. */
export async function openGeoip(database: SharedArrayBuffer, path: string): Promise<Locate> {
  // Loaded only where a database is configured.
  const { Reader } = await import("maxmind");
  try {
    const reader = new Reader<CityResponse>(Buffer.from(database));
    return (address) => {
      const location = readOrNull(() => reader.get(address))?.location;
      return location === undefined ? null : { lat: location.latitude, lon: location.longitude };
    };
  } catch (error) {
    throw new StartError(`geoip_db_path: ${path} is not a MaxMind database; download it again`, {
      cause: error,
    });
  }
}

/** A text that is no address, or a damaged record: nothing is known of it. */
function readOrNull<T>(read: () => T | null): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
