/** One raw backend known to a running server for as long as a test lasts. */
import { FakeAgent, type FakeAgentOptions } from "./fake-agent.ts";
import { RawBackend, type RawBackendOptions } from "./raw-backend.ts";
import type { TestServer } from "./server.ts";

export class Behind implements AsyncDisposable {
  readonly backend: RawBackend;
  readonly agent: FakeAgent;

  private constructor(backend: RawBackend, agent: FakeAgent) {
    this.backend = backend;
    this.agent = agent;
  }

  /** Starts the backend and makes it routable; it is removed from the server at the end. */
  static async start(
    server: TestServer,
    options: RawBackendOptions = {},
    agent: Partial<FakeAgentOptions> = {},
  ): Promise<Behind> {
    const backend = await RawBackend.start(options);
    const id = agent.id ?? `raw-${backend.port}`;
    return new Behind(backend, await FakeAgent.join(server, { endpoint: backend.url, ...agent, id }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.remove();
    await this.backend[Symbol.asyncDispose]();
  }
}
