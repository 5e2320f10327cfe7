import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  arcKm,
  distanceKm,
  knownPlace,
  median,
  type Place,
  unitVector,
} from "../../../core/scoring/index.ts";
import { medianOf } from "../../../core/scoring/median.ts";

const anyPlace = fc.record({
  lat: fc.double({ min: -90, max: 90, noNaN: true }),
  lon: fc.double({ min: -180, max: 180, noNaN: true }),
});

function viaVectors(a: Place, b: Place): number {
  const from = unitVector(a.lat, a.lon);
  const to = unitVector(b.lat, b.lon);
  if (from === null || to === null) return distanceKm(a, b);
  return arcKm((from.x - to.x) ** 2 + (from.y - to.y) ** 2 + (from.z - to.z) ** 2);
}

function within(km: number, published: number): boolean {
  return Math.abs(km / published - 1) < 0.005;
}

describe("distanceKm", () => {
  test("agrees with published distances of cities, within the 0.5 % that the Earth is no sphere", () => {
    const berlin = { lat: 52.52, lon: 13.405 };
    const newYork = { lat: 40.7128, lon: -74.006 };
    const tokyo = { lat: 35.6895, lon: 139.6917 };
    expect(within(distanceKm(berlin, newYork), 6385)).toBe(true);
    expect(within(distanceKm(berlin, tokyo), 8918)).toBe(true);
    expect(distanceKm(berlin, berlin)).toBe(0);
  });

  test("a degree of a great circle is 6371 * pi / 180 km, across the date line too", () => {
    const degreeKm = (6371 * Math.PI) / 180;
    expect(distanceKm({ lat: 0, lon: 10 }, { lat: 0, lon: 11 })).toBeCloseTo(degreeKm, 9);
    expect(distanceKm({ lat: 0, lon: 179.5 }, { lat: 0, lon: -179.5 })).toBeCloseTo(degreeKm, 9);
    expect(distanceKm({ lat: 89.5, lon: 0 }, { lat: 89.5, lon: 180 })).toBeCloseTo(degreeKm, 9);
    expect(distanceKm({ lat: 0, lon: 90 }, { lat: 0, lon: -90 })).toBeCloseTo(180 * degreeKm, 9);
  });

  test("unit vectors give the same distance", () => {
    fc.assert(
      fc.property(anyPlace, anyPlace, (a, b) => {
        const km = distanceKm(a, b);
        // Near the far side of the globe the arc sine makes metres of rounding.
        expect(Math.abs(viaVectors(a, b) - km)).toBeLessThan(km > 20_000 ? 0.001 : 1e-8);
      }),
    );
  });

  test("a few metres are a few metres", () => {
    const a = { lat: 48.1, lon: 11.5 };
    const b = { lat: 48.1 + 0.00001, lon: 11.5 };
    expect(viaVectors(a, b) * 1000).toBeCloseTo(1.11195, 4);
  });
});

describe("knownPlace", () => {
  test("absent coordinates and (0, 0) are unknown, one zero is a place", () => {
    expect(knownPlace(0, 0)).toBeNull();
    expect(knownPlace(-0, 0)).toBeNull();
    expect(knownPlace(null, 5)).toBeNull();
    expect(knownPlace(5, undefined)).toBeNull();
    expect(knownPlace(NaN, 5)).toBeNull();
    expect(unitVector(0, 0)).toBeNull();
    expect(knownPlace(0, 5)).toEqual({ lat: 0, lon: 5 });
    expect(knownPlace(5, 0)).toEqual({ lat: 5, lon: 0 });
  });
});

describe("median", () => {
  test("is the middle of the sorted list, or the mean of the two in the middle", () => {
    expect(median([])).toBe(0);
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 20_000 }), { minLength: 1 }), (values) => {
        const sorted = values.toSorted((a, b) => a - b);
        const middle = sorted.length >> 1;
        const upper = sorted[middle] ?? NaN;
        const lower = sorted[middle - 1] ?? NaN;
        expect(median(values)).toBe(sorted.length % 2 === 1 ? upper : (lower + upper) / 2);
      }),
    );
  });

  test("of the first numbers leaves the rest alone", () => {
    const values = Float64Array.from([5, 1, 3, 99, 98]);
    expect(medianOf(values, 3)).toBe(3);
    expect(Array.from(values.subarray(3))).toEqual([99, 98]);
  });
});
