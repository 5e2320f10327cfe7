import { expect, test } from "bun:test";
import { Flights, type FlightWaiter } from "../../../../server/proxy/cache/flights.ts";
import { eventually } from "../../../support/eventually.ts";

test("a crowd that has waited goes on in turns, each once, without those who have left", async () => {
  const flights = new Flights(true);
  const flight = flights.lead("k", 1, 0);
  if (flight === null) throw new Error("nobody leads");
  const told: number[] = [];
  const waiters = Array.from({ length: 100 }, (_, at): FlightWaiter => ({ onLanded: () => told.push(at) }));
  for (const waiter of waiters) expect(flights.join("k", waiter)).toBe(flight);
  expect(flights.hasLanded(flight)).toBe(false);
  flights.land(flight, true);
  expect(flights.hasLanded(flight)).toBe(true);
  // Others have their turn before all are through.
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(50);
  flight.waiters.delete(waiters[99] ?? { onLanded: () => {} });
  expect(flights.lead("k", 1, 0)).not.toBeNull();
  await eventually("the others", () => flight.waiters.size === 0);
  expect(told).toEqual(Array.from({ length: 99 }, (_, at) => at));
});
