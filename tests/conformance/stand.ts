/** The stand of these tests: one running server, one scripted backend, raw clients, and canaries after each case. */
import { FakeAgent } from "../support/fake-agent.ts";
import type { Json } from "../support/json.ts";
import { RawBackend, type Responder } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";
import type { Wire } from "../support/wire.ts";
import { type Ending, RawClient } from "./raw.ts";
import { readRequests, readResponses, type StrictMessage, statusOf, targetOf, valuesOf } from "./strict.ts";

/** Whether the backend keeps its connections or ends each after one response. */
export type Upstream = "kept" | "closed";
export const UPSTREAMS: readonly Upstream[] = ["kept", "closed"];

/** What one case looked like from outside. */
export interface Seen {
  /** Responses to the case itself, informational ones too, without those of canaries. */
  readonly responses: readonly StrictMessage[];
  /** Octets after the last whole response. */
  readonly clientRest: string;
  readonly clientFault: string | null;
  /** How the server ended the connection; null when it did not. */
  readonly ending: Ending | null;
  /** The canary on the case's own connection got its own answer. */
  readonly sameCanary: boolean;
  /** The canary on a fresh connection got its own answer. */
  readonly freshCanary: boolean;
  /** Requests that reached the backend whole, over all connections, without the canaries. */
  readonly requests: readonly StrictMessage[];
  /** The fresh canary came over a backend connection that had carried the case; null where none was to be kept. */
  readonly reused: boolean | null;
  /** What else reached the backend: requests cut short or malformed. */
  readonly fragments: readonly Fragment[];
}

export interface Fragment {
  readonly octets: string;
  readonly fault: string | null;
  readonly ending: Ending | null;
}

export interface CaseOptions {
  /** Send FIN after the octets. */
  readonly halfClose?: boolean;
  /** Send each octet by itself. */
  readonly split?: boolean;
  /** Send the octets in two segments, cut here. */
  readonly cutAt?: number;
  /** What the backend answers each request of the case with; default: 200 with the body "ok". */
  readonly reply?: string;
  /** Answer octet by octet. */
  readonly replySplit?: boolean;
  /** What the backend does after its answer; default: as the stand's connections go. */
  readonly backendEnds?: "fin" | "reset";
  readonly deadlineMs?: number;
}

/** What a case may need to know of its stand. */
export interface Facts {
  /** The name that the server goes by in Via. */
  readonly via: string;
  readonly backendPort: number;
}

/** The proxy that is judged. */
export interface ProxyUnderTest extends AsyncDisposable {
  readonly target: { readonly port: number; readonly host?: string };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const DEADLINE_MS = 4000;

export class Stand<Proxy extends ProxyUnderTest = TestServer> implements AsyncDisposable {
  readonly upstream: Upstream;
  #server: Proxy | null = null;
  #backend: RawBackend | null = null;
  #reply = OK;
  #replySplit = false;
  #end: CaseOptions["backendEnds"];
  #other: Responder | null = null;
  #via = "";
  #canaries = 0;

  private constructor(upstream: Upstream) {
    this.upstream = upstream;
  }

  /** Puts the product between: its compiled executable, with one agent that tells of the backend. */
  static start(upstream: Upstream, config: Json = {}): Promise<Stand> {
    return Stand.between(upstream, async (backend) => {
      const server = await TestServer.start({ config: { workers: 1, log_level: "info", ...config } });
      const key = typeof config.server_key === "string" ? { key: config.server_key } : {};
      await FakeAgent.join(server, { id: `raw-${backend.port}`, endpoint: backend.url, ...key });
      return server;
    });
  }

  /** Puts any proxy between that `start` makes send everything to the backend; `port` is the backend's, 0 a free one. */
  static async between<Proxy extends ProxyUnderTest>(
    upstream: Upstream,
    start: (backend: RawBackend) => Promise<Proxy>,
    port = 0,
  ): Promise<Stand<Proxy>> {
    const stand = new Stand<Proxy>(upstream);
    try {
      stand.#backend = await RawBackend.start({ respond: stand.#respond, port });
      stand.#server = await start(stand.#backend);
      const { requests } = await stand.run(request("/via"));
      stand.#via = requests[0] === undefined ? "" : (valuesOf(requests[0], "via")[0]?.split(" ")[1] ?? "");
    } catch (error) {
      await stand[Symbol.asyncDispose]();
      throw error;
    }
    return stand;
  }

  get server(): Proxy {
    if (this.#server === null) throw new Error("the stand is not set up");
    return this.#server;
  }

  get connections(): readonly Wire[] {
    return this.#backend?.connections ?? [];
  }

  get facts(): Facts {
    return { via: this.#via, backendPort: this.#backend?.port ?? 0 };
  }

  /** Sends a case's octets on a connection of its own, then the canaries, and gives back what was seen. */
  async run(octets: string, options: CaseOptions = {}): Promise<Seen> {
    this.#reply = options.reply ?? OK;
    this.#replySplit = options.replySplit === true;
    this.#end = options.backendEnds;
    const offsets = this.connections.map((wire) => wire.log.length);
    await using client = await this.#open();
    if (options.split === true) await client.sendSegments(octets);
    else if (options.cutAt !== undefined) {
      await client.sendSegments([octets.slice(0, options.cutAt), octets.slice(options.cutAt)]);
    } else await client.send(octets);
    if (options.halfClose === true) client.finish();

    const method = /^(?:\r\n)?([A-Za-z]+) /.exec(octets)?.[1] ?? "GET";
    const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    await this.#final(client, method, deadlineMs);
    const mark = `/canary/${++this.#canaries}`;
    const same = `${mark}/same`;
    if (options.halfClose !== true) await client.send(request(same));
    await client.until(() => client.got.includes(`\r\n\r\n${same}`), deadlineMs);

    const fresh = `${mark}/fresh`;
    const freshCanary = await this.#fresh(fresh);
    this.#reply = OK;
    return this.#seen(client, { method, same, fresh, freshCanary, offsets });
  }

  /** Has another script answer every request while `act` runs. */
  async serve(respond: Responder, act: () => Promise<void>): Promise<void> {
    this.#other = respond;
    await act();
    this.#other = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#backend?.[Symbol.asyncDispose]();
  }

  #open(): Promise<RawClient> {
    return RawClient.open(this.server.target.port, this.server.target.host);
  }

  /** Waits for the final response or the end, whichever comes first. */
  #final(client: RawClient, method: string, deadlineMs: number): Promise<boolean> {
    return client.until(
      () => readResponses(client.got, [method], false).messages.some((each) => statusOf(each) >= 200),
      deadlineMs,
    );
  }

  async #fresh(path: string): Promise<boolean> {
    await using client = await this.#open();
    await client.send(request(path));
    await this.#final(client, "GET", DEADLINE_MS);
    const { messages } = readResponses(client.got, ["GET"], false);
    const [only] = messages;
    return messages.length === 1 && only !== undefined && statusOf(only) === 200 && only.body === path;
  }

  #seen(
    client: RawClient,
    facts: { method: string; same: string; fresh: string; freshCanary: boolean; offsets: readonly number[] },
  ): Seen {
    const ended = client.ending === "fin";
    const read = readResponses(client.got, [facts.method], ended);
    const requests: StrictMessage[] = [];
    const fragments: Fragment[] = [];
    let reused = false;
    this.connections.forEach((wire, index) => {
      const reading = readRequests(wire.log.toString("latin1", facts.offsets[index] ?? 0));
      const own = reading.messages.filter((each) => !targetOf(each).startsWith("/canary/"));
      requests.push(...own);
      reused ||= own.length > 0 && reading.messages.some((each) => targetOf(each) === facts.fresh);
      if (reading.rest !== "") {
        fragments.push({ octets: reading.rest, fault: reading.fault, ending: wire.ending });
      }
    });
    return {
      responses: read.messages.filter((each) => each.body !== facts.same),
      sameCanary: read.messages.some((each) => each.body === facts.same),
      clientRest: read.rest,
      clientFault: read.fault,
      ending: client.ending,
      freshCanary: facts.freshCanary,
      requests,
      reused: this.upstream === "kept" ? reused : null,
      fragments,
    };
  }

  readonly #respond: Responder = async (got, wire, backend) => {
    if (this.#other !== null) return this.#other(got, wire, backend);
    const path = got.startLine.split(" ")[1] ?? "";
    const closing = this.upstream === "closed";
    if (path.startsWith("/canary/")) {
      const extra = closing ? "Connection: close\r\n" : "";
      await wire.send(`HTTP/1.1 200 OK\r\n${extra}Content-Length: ${path.length}\r\n\r\n${path}`);
    } else {
      const plain = this.#reply === OK && closing;
      if (this.#replySplit) await wire.sendSegments(Array.from(this.#reply));
      else await wire.send(plain ? OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n") : this.#reply);
      if (this.#end === "reset") return wire.reset();
      if (this.#end === "fin") return wire.finish();
    }
    if (!closing) return true;
    wire.finish();
    return false;
  };
}

function request(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: t\r\n\r\n`;
}
