import type { CityResponse, Reader } from "maxmind";
import { type UnitVector, unitVector } from "../../../core/scoring/place.ts";

const MAX_CACHED = 4096;

/** Finds where an address is, in the database that all threads share; without one nobody is anywhere. */
export class GeoLookup {
  readonly #reader: Reader<CityResponse> | null;
  /** In order of last use. */
  readonly #cache = new Map<string, UnitVector | null>();

  private constructor(reader: Reader<CityResponse> | null) {
    this.#reader = reader;
  }

  /** Opens a database; the library is loaded only where there is one. */
  static async open(database: SharedArrayBuffer | null): Promise<GeoLookup> {
    if (database === null) return new GeoLookup(null);
    const { Reader: DatabaseReader } = await import("maxmind");
    return new GeoLookup(new DatabaseReader<CityResponse>(Buffer.from(database)));
  }

  locate(address: string): UnitVector | null {
    if (this.#reader === null) return null;
    const known = this.#cache.get(address);
    if (known !== undefined) {
      this.#cache.delete(address);
      this.#cache.set(address, known);
      return known;
    }
    const place = this.#look(this.#reader, address);
    if (this.#cache.size >= MAX_CACHED) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(address, place);
    return place;
  }

  #look(reader: Reader<CityResponse>, address: string): UnitVector | null {
    try {
      const location = reader.get(address)?.location;
      return unitVector(location?.latitude, location?.longitude);
    } catch {
      // A text that is no address, or a damaged record: the place is unknown, which the score can live with.
      return null;
    }
  }
}
