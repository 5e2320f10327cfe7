/** The keys about connections to backends, where these speak HTTP/2. */
import { expect, test } from "bun:test";
import { respond } from "../../../core/http2/pair.ts";
import { eventually } from "../../../support/eventually.ts";
import { call } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";
import { Http2Backend } from "./peers.ts";

const prompt = () =>
  new Http2Backend((side, heard) => {
    if (heard.stream !== null) respond(side, heard.stream, 204, true);
  });

async function ask(cell: Cell, path = "/"): Promise<number> {
  return (await call({ port: cell.port }, "GET", path)).status;
}

test("a connection that is old takes no request, finishes those that it has, and closes", async () => {
  const held: (() => void)[] = [];
  await using backend = new Http2Backend((side, heard) => {
    const { stream } = heard;
    if (stream !== null) held.push(() => respond(side, stream, 204, true));
  });
  await using cell = await Cell.start({ config: { pool_max_lifetime_seconds: 1 } });
  cell.add({ ports: [backend.port], isHttp2: true });
  const first = ask(cell);
  await eventually("the request has come", () => held.length === 1);
  const [old] = backend.connections;
  await eventually("it says good-bye", () => old?.side.session.isUsable === false);
  const second = ask(cell);
  await eventually("the next one has come", () => held.length === 2);
  expect(backend.connections).toHaveLength(2);
  for (const answerIt of held) answerIt();
  for (const connection of backend.connections) connection.flush();
  expect([await first, await second]).toEqual([204, 204]);
  await eventually("the old one closes", () => backend.ended > 0);
});

test("without upstream_keepalive each request has a connection of its own", async () => {
  await using backend = prompt();
  await using cell = await Cell.start({ config: { upstream_keepalive: false } });
  cell.add({ ports: [backend.port], isHttp2: true });
  expect(await Promise.all([ask(cell), ask(cell)])).toEqual([204, 204]);
  expect(await ask(cell)).toBe(204);
  expect(backend.connections).toHaveLength(3);
  await eventually("none is left", () => backend.ended === 3);
});

test("a connection without requests counts as idle, in its pool and among all", async () => {
  await using first = prompt();
  await using second = prompt();
  await using cell = await Cell.start({ config: { pool_max_idle: 1 } });
  cell.add({ ports: [first.port], isHttp2: true, patterns: [["/first"]] });
  cell.add({ ports: [second.port], isHttp2: true, patterns: [["/second"]] });
  expect(await ask(cell, "/first")).toBe(204);
  expect(await ask(cell, "/first")).toBe(204);
  expect([first.connections.length, first.ended]).toEqual([1, 0]);
  expect(await ask(cell, "/second")).toBe(204);
  await eventually("the other one makes room", () => first.ended === 1);
  expect(second.ended).toBe(0);
  await using none = await Cell.start({ config: { pool_max_idle_per_endpoint: 0 } });
  none.add({ ports: [second.port], isHttp2: true });
  expect(await ask(none)).toBe(204);
  await eventually("nothing is kept", () => second.ended === 1);
});
