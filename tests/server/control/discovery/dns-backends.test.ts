import { expect, test } from "bun:test";
import { DnsBackends } from "../../../../server/control/discovery/dns-backends.ts";
import { makeLookup } from "../../../../server/names/lookup.ts";
import { DnsServer } from "../../../support/dns-server.ts";
import { eventually } from "../../../support/eventually.ts";
import { RecordedLog } from "../fixtures.ts";

test("a name is one backend for each of its addresses, and keeps the last ones when it has none", async () => {
  await using dns = await DnsServer.start();
  dns.records.set("app.test", { addresses: ["10.0.0.2", "10.0.0.1"], ttlSeconds: 1 });
  let changes = 0;
  const log = new RecordedLog();
  const names = new DnsBackends({
    lookup: makeLookup([`127.0.0.1:${dns.port}`]),
    onChange: () => changes++,
    log,
  });
  const entry = { dns: "app.test:8080", weight: 3 };
  await names.follow([entry]);
  expect(names.expand(entry)).toEqual([
    { id: "app.test:8080@10.0.0.1", hostname: "app.test", url: "http://10.0.0.1:8080", weight: 3 },
    { id: "app.test:8080@10.0.0.2", hostname: "app.test", url: "http://10.0.0.2:8080", weight: 3 },
  ]);
  expect(changes).toBe(0);
  dns.records.set("app.test", { addresses: ["10.0.0.3"], ttlSeconds: 1 });
  await eventually("the name has another address", () => names.expand(entry).length === 1);
  expect([changes, names.expand(entry)[0]?.url]).toEqual([1, "http://10.0.0.3:8080"]);
  dns.isFailing = true;
  await eventually("the silence is told", () =>
    log.lines.some((line) => line.includes("does not resolve now")),
  );
  expect(names.expand(entry)).toHaveLength(1);
  // It is the same name whatever else its entry says, and nobody answers now.
  const heavier = { ...entry, weight: 9 };
  await names.follow([heavier]);
  names.keepOnly([heavier]);
  expect(names.expand(heavier)).toHaveLength(1);
  names.keepOnly([]);
  expect(names.expand(entry)).toEqual([]);
  names.stop();
});
