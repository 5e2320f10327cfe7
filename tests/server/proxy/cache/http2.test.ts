/** The cache between HTTP/2 clients and HTTP/2 backends. */
import { expect, test } from "bun:test";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { Cell } from "../cell.ts";
import { Http2Backend, Http2Client } from "../http2/peers.ts";

const certificates = { fallback: selfSigned(), named: [], clientCa: "" };
const GET = "GET /a HTTP/1.1";
interface Reply {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

function control(value: string): (readonly [string, string])[] {
  return [["Cache-Control", value]];
}

test("an HTTP/2 backend confirms, fails, and is asked behind the client's back", async () => {
  const stale = [...control("max-age=10, stale-if-error=60"), ["Age", "10"], ["ETag", '"1"']] as const;
  let reply: Reply = { status: 200, headers: stale, body: "one" };
  const asked: (string | null)[] = [];
  await using backend = new Http2Backend((side, heard) => {
    if (heard.stream === null) return;
    const head = side.heads.get(heard.stream.id);
    asked.push(head?.get("if-none-match") ?? null);
    side.session.encoder.reply({ ...reply, date: "" }, -1);
    heard.stream.sendHead(side.session.encoder, reply.body === "");
    if (reply.body === "") return;
    heard.stream.sendData(Buffer.from(reply.body), 0, reply.body.length);
    heard.stream.sendEnd(Buffer.alloc(0));
  });
  await using cell = await Cell.start({
    certificates,
    config: { cache_enabled: true, breaker_enabled: false, retry_attempts: 0 },
  });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  const ask = async () => {
    const heard = client.ask(GET);
    await eventually("the answer", () => heard.events.includes("end"));
    return `${client.status(heard)} ${heard.body.toString()}`;
  };
  expect(await ask()).toBe("200 one");
  reply = { status: 503, headers: [], body: "sorry" };
  expect(await ask()).toBe("200 one");
  reply = { status: 304, headers: control("max-age=0, stale-while-revalidate=60"), body: "" };
  expect(await ask()).toBe("200 one");
  reply = { status: 200, headers: control("max-age=60"), body: "two" };
  expect(await ask()).toBe("200 one");
  await eventually("what is new", async () => (await ask()) === "200 two");
  expect(asked).toEqual([null, '"1"', '"1"', '"1"']);
  expect(cell.tables.backends.inFlight(0)).toBe(0);
});
