/** Names that stand for backends, while the configuration changes. */
import { expect, test } from "bun:test";
import { withBackend, withoutBackend, withTerms } from "../../../../core/config/runtime/runtime-changes.ts";
import type { Request } from "../../../../server/control/settings/settings.ts";
import { eventually } from "../../../support/eventually.ts";
import { newWorld, type World } from "../fixtures.ts";

function request(more: Partial<Request> = {}): Request {
  const usual = { actor: "ann", action: "test", target: "", persist: true, expected: null };
  return { ...usual, dryRun: false, isLocal: true, ...more };
}

function add(world: World, id: string, more: Partial<Request> = {}) {
  const entry = { id, dns: `${id}.test:80` };
  return world.settings.change(request(more), (changes, origin) => withBackend(changes, entry, origin));
}

function ids(world: World): string[] {
  return world.registry.list(world.nowMs).map(({ clientId }) => clientId);
}

/** Names with one address each, that can fall silent. */
class Names {
  readonly addresses = new Map<string, string>();
  isSilent = false;
  /** Set to have the next answers wait. */
  gate: Promise<void> = Promise.resolve();
  asked = 0;

  readonly lookup = async (host: string) => {
    this.asked++;
    const address = this.addresses.get(host);
    await this.gate;
    if (this.isSilent || address === undefined) throw new Error("no answer");
    return { addresses: [address], ttlSeconds: 1 };
  };
}

test("a name keeps its addresses when its terms change, and over a try, while nobody answers", async () => {
  const names = new Names();
  names.addresses.set("a.test", "10.0.0.1");
  using world = newWorld({ lookup: names.lookup });
  await add(world, "a");
  expect(ids(world)).toEqual(["a@10.0.0.1"]);
  names.isSilent = true;
  const remove = (more: Partial<Request>) =>
    world.settings.change(request(more), (changes, origin) => withoutBackend(changes, "a", false, origin));
  expect(await remove({ dryRun: true })).toMatchObject({ kind: "applied" });
  await world.settings.change(request(), (changes, origin) => withTerms(changes, "a", { weight: 2 }, origin));
  expect(ids(world)).toEqual(["a@10.0.0.1"]);
  await remove({});
  expect(ids(world)).toEqual([]);
});

test("a name that has other addresses in the middle of a change takes nothing of it back", async () => {
  const names = new Names();
  names.addresses.set("a.test", "10.0.0.1").set("b.test", "10.0.0.2");
  using world = newWorld({ lookup: names.lookup });
  await add(world, "a");
  const { promise, resolve } = Promise.withResolvers<void>();
  names.gate = promise;
  const adding = add(world, "b");
  names.addresses.set("a.test", "10.0.0.3");
  await eventually("both are asked for", () => names.asked === 3);
  resolve();
  expect(await adding).toMatchObject({ kind: "applied" });
  await eventually("all is as wanted", () => String(ids(world)) === "a@10.0.0.3,b@10.0.0.2");
  await world.applier.refreshBackends();
  expect(ids(world)).toEqual(["a@10.0.0.3", "b@10.0.0.2"]);
});
