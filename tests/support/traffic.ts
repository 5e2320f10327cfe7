/** Steady traffic on kept connections, for tests that look at what becomes of many requests. */
import type { TestServer } from "./server.ts";

/** Between the answer of one request and the next one of the same loop. */
const PAUSE_MS = 2;

export class Traffic implements AsyncDisposable {
  /** Answers by the text of their body, which is the backend's name. */
  readonly answers = new Map<string, number>();
  /** What was not answered with 200, and why. */
  readonly failures: string[] = [];
  readonly #loops: Promise<void>[];
  #isOver = false;

  /** `headers` are those of a request, by its number. */
  constructor(
    server: TestServer,
    loops = 6,
    headers: (request: number) => Readonly<Record<string, string>> = () => ({}),
  ) {
    let requests = 0;
    const loop = async (): Promise<void> => {
      while (!this.#isOver) {
        await this.#ask(`${server.url}/`, headers(requests++));
        await Bun.sleep(PAUSE_MS);
      }
    };
    this.#loops = Array.from({ length: loops }, loop);
  }

  /** Requests that a backend has answered. */
  by(name: string): number {
    return this.answers.get(name) ?? 0;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ask(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
    try {
      const answer = await fetch(url, { headers, signal: AbortSignal.timeout(20_000) });
      const text = await answer.text();
      if (answer.status !== 200) this.failures.push(`${answer.status} ${text}`);
      else this.answers.set(text, this.by(text) + 1);
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
    }
  }
}
