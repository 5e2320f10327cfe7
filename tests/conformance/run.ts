/**
 * `npm run conformance`: what a proxy owes over HTTP/1.1, asked of this one, of others, or of any that listens.
 *
 *   npm run conformance                                    the compiled executable
 *   npm run conformance -- --peers                         beside HAProxy, nginx and Caddy, as far as they are installed
 *   npm run conformance -- --target HOST:PORT --backend-port N
 *       a proxy that is running: it sends everything to 127.0.0.1:N, where this program listens while it asks
 *   --only TEXT    suites by name, or rows whose id contains the text
 *   --json FILE    every finding
 */
import { parseArgs } from "node:util";
import { FakeAgent } from "../support/fake-agent.ts";
import { TestServer } from "../support/server.ts";
import { findPeer, PEER_NAMES, type PeerName, startPeer } from "./peers.ts";
import { type ProxyUnderTest, Stand, UPSTREAMS, type Upstream } from "./stand.ts";
import { type Finding, SUITES } from "./suites.ts";

interface Column {
  readonly name: string;
  readonly start: (upstream: Upstream) => Promise<Stand<ProxyUnderTest>>;
}

interface Count {
  passed: number;
  total: number;
}

const { values: options } = parseArgs({
  options: {
    target: { type: "string" },
    "backend-port": { type: "string" },
    peers: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "string" },
  },
});
await main();

async function main(): Promise<void> {
  const columns = chosenColumns();
  const all: (Finding & { readonly proxy: string; readonly upstream: Upstream })[] = [];
  for (const { name, start } of columns) {
    for (const upstream of UPSTREAMS) {
      if (columns.length > 1) console.error(`asking ${name}, backend connections ${upstream}`);
      await using stand = await start(upstream);
      for (const finding of await ask(stand)) {
        all.push({ proxy: name, upstream, ...finding });
        const { suite, id, about, fault } = finding;
        if (columns.length === 1 && fault !== null)
          console.log(`${suite} ${id} (${upstream}) ${about}: ${fault}`);
      }
    }
  }
  printTable(
    columns.map(({ name }) => name),
    (name, upstream, suite) => {
      const own = all.filter(
        (each) => each.proxy === name && each.upstream === upstream && each.suite === suite,
      );
      return { passed: own.filter(({ fault }) => fault === null).length, total: own.length };
    },
  );
  if (options.json !== undefined) await Bun.write(options.json, `${JSON.stringify(all, null, 1)}\n`);
  if (columns.length === 1 && all.some(({ fault }) => fault !== null)) process.exitCode = 1;
}

function chosenColumns(): readonly Column[] {
  const { target } = options;
  if (target !== undefined) return [runningProxy(target, options["backend-port"])];
  const product: Column = { name: "Opsen", start: startProduct };
  if (!options.peers) return [product];
  const missing = PEER_NAMES.filter((name) => findPeer(name) === null);
  if (missing.length > 0) console.log(`not installed, left out: ${missing.join(", ")}`);
  return [product, ...PEER_NAMES.filter((name) => findPeer(name) !== null).map(peerColumn)];
}

function startProduct(upstream: Upstream): Promise<Stand<ProxyUnderTest>> {
  return Stand.between<ProxyUnderTest>(upstream, async (backend) => {
    const server = await TestServer.start({
      config: {
        workers: 1,
        proxy_max_request_body_bytes: 0,
        stream_idle_timeout_seconds: 3,
        request_timeout_seconds: 5,
        upstream_keepalive: upstream === "kept",
      },
    });
    // With room for all cases of a catalogue that run at one time.
    await FakeAgent.join(server, { id: `raw-${backend.port}`, endpoint: backend.url, cores: 64 });
    return server;
  });
}

function peerColumn(name: PeerName): Column {
  return {
    name,
    start: (upstream) => Stand.between(upstream, (backend) => startPeer(name, backend.port, upstream)),
  };
}

function runningProxy(target: string, backendPort: string | undefined): Column {
  const colon = target.lastIndexOf(":");
  const port = Number(target.slice(colon + 1));
  const backend = Number(backendPort);
  if (colon < 1 || !isPort(port)) fail(`--target must be HOST:PORT, got "${target}"`);
  if (!isPort(backend)) {
    fail("--target needs --backend-port: the port on 127.0.0.1 to which that proxy sends everything");
  }
  const proxy = { target: { port, host: target.slice(0, colon) }, [Symbol.asyncDispose]: async () => {} };
  return { name: target, start: (upstream) => Stand.between(upstream, async () => proxy, backend) };
}

async function ask(stand: Stand<ProxyUnderTest>): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { only } = options;
  for (const suite of SUITES) {
    const wants = (id: string) => only === undefined || suite.name === only || id.includes(only);
    await suite.run(stand, wants, (finding) => findings.push(finding));
  }
  return findings;
}

/** One line a suite and way of backend connections, one column a proxy; in Markdown. */
function printTable(
  names: readonly string[],
  count: (name: string, upstream: Upstream, suite: string) => Count,
): void {
  console.log(`| rows passed | ${names.join(" | ")} |\n|---|${names.map(() => "---|").join("")}`);
  for (const { name: suite, title } of SUITES) {
    for (const upstream of UPSTREAMS) {
      const counts = names.map((name) => count(name, upstream, suite));
      if (counts.every(({ total }) => total === 0)) continue;
      const cells = counts.map(({ passed, total }) => `${passed} of ${total}`);
      console.log(`| ${title}, backend connections ${upstream} | ${cells.join(" | ")} |`);
    }
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
