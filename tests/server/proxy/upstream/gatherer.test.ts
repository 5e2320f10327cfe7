import { afterEach, expect, test } from "bun:test";
import { onFault } from "../../../../server/proxy/thread/faults.ts";
import { Gatherer } from "../../../../server/proxy/upstream/gatherer.ts";

afterEach(() => {
  onFault(() => {});
});

test("a fault in a late delivery is told, and nothing is delivered behind the gap", async () => {
  const told = Promise.withResolvers<unknown>();
  onFault(told.resolve);
  const fault = new Error("cannot be delivered");
  let deliveries = 0;
  const gatherer = new Gatherer(1, () => {
    deliveries++;
    throw fault;
  });
  gatherer.add(Buffer.from("one"), false);
  expect(await told.promise).toBe(fault);
  expect(() => gatherer.add(Buffer.from("two"), true)).toThrow("could not be delivered");
  expect(deliveries).toBe(1);
  gatherer.clear();
  expect(() => gatherer.add(Buffer.from("next"), true)).toThrow(fault);
  expect(deliveries).toBe(2);
});

test("a fault after the end of the body leaves the next body whole", async () => {
  const told = Promise.withResolvers<unknown>();
  onFault(told.resolve);
  const got: string[] = [];
  const gatherer = new Gatherer(1, (bytes) => {
    got.push(bytes.toString());
    if (got.length > 1) return;
    gatherer.clear();
    throw new Error("after the end");
  });
  gatherer.add(Buffer.from("one"), false);
  await told.promise;
  gatherer.add(Buffer.from("next"), true);
  expect(got).toEqual(["one", "next"]);
});
