/** A server with named backends behind it, each fed by a fake agent: the setting of most end-to-end tests. */
import { FakeAgent, type FakeAgentOptions } from "./fake-agent.ts";
import { HttpBackend, type HttpBackendOptions } from "./http-backend.ts";
import { type ServerOptions, TestServer } from "./server.ts";

export interface Member extends HttpBackendOptions {
  /** Figures of its agent, over idle defaults. */
  readonly agent?: Omit<FakeAgentOptions, "id">;
}

export class Cluster implements AsyncDisposable {
  readonly server: TestServer;
  readonly #backends: ReadonlyMap<string, HttpBackend>;
  readonly #agents: ReadonlyMap<string, FakeAgent>;

  private constructor(
    server: TestServer,
    backends: ReadonlyMap<string, HttpBackend>,
    agents: ReadonlyMap<string, FakeAgent>,
  ) {
    this.server = server;
    this.#backends = backends;
    this.#agents = agents;
  }

  static async start(members: readonly Member[], options: ServerOptions = {}): Promise<Cluster> {
    const server = await TestServer.start(options);
    const backends = new Map(members.map((each) => [each.name, new HttpBackend(each)]));
    const agents = new Map<string, FakeAgent>();
    for (const { name, agent } of members) {
      const endpoint = backends.get(name)?.url ?? "";
      agents.set(name, await FakeAgent.join(server, { id: name, endpoint, ...agent }));
    }
    return new Cluster(server, backends, agents);
  }

  backend(name: string): HttpBackend {
    const found = this.#backends.get(name);
    if (found === undefined) throw new Error(`no backend ${name}`);
    return found;
  }

  agent(name: string): FakeAgent {
    const found = this.#agents.get(name);
    if (found === undefined) throw new Error(`no agent ${name}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    for (const each of this.#backends.values()) await each[Symbol.asyncDispose]();
  }
}
