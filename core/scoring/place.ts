/** Places on the globe and the distance between them. */

/** Mean radius of the Earth that the score is defined with, in km. */
export const EARTH_RADIUS_KM = 6371;
const RADIANS_PER_DEGREE = Math.PI / 180;

/** A place in degrees. */
export interface Place {
  readonly lat: number;
  readonly lon: number;
}

/** A place as a point on the unit sphere. */
export interface UnitVector {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/**
 * Gives the place of a pair of coordinates; null when it is unknown: one is absent or no number, or both are 0,
 * which is what the original's agents send when they do not know. One zero coordinate is a real place.
 */
export function knownPlace(lat: number | null | undefined, lon: number | null | undefined): Place | null {
  if (typeof lat !== "number" || typeof lon !== "number") return null;
  if (!Number.isFinite(lat) || !Number.isFinite(lon) || (lat === 0 && lon === 0)) return null;
  return { lat, lon };
}

/** Gives the point on the unit sphere of a place in degrees; null when the place is unknown. */
export function unitVector(
  lat: number | null | undefined,
  lon: number | null | undefined,
): UnitVector | null {
  const place = knownPlace(lat, lon);
  if (place === null) return null;
  const phi = place.lat * RADIANS_PER_DEGREE;
  const lambda = place.lon * RADIANS_PER_DEGREE;
  return {
    x: Math.cos(phi) * Math.cos(lambda),
    y: Math.cos(phi) * Math.sin(lambda),
    z: Math.sin(phi),
  };
}

/** Gives the great-circle distance in km by the haversine formula. */
export function distanceKm(a: Place, b: Place): number {
  const dPhi = (b.lat - a.lat) * RADIANS_PER_DEGREE;
  const dLambda = (b.lon - a.lon) * RADIANS_PER_DEGREE;
  const h =
    Math.sin(dPhi / 2) ** 2 +
    Math.cos(a.lat * RADIANS_PER_DEGREE) * Math.cos(b.lat * RADIANS_PER_DEGREE) * Math.sin(dLambda / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/**
 * Gives the great-circle distance in km of two points of the unit sphere from the square of their straight-line
 * distance. A quarter of that square is the haversine, so this is the same formula, as exact for near places, where the
 * arc cosine of a scalar product is not.
 */
export function arcKm(chordSquared: number): number {
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chordSquared) / 2));
}
