/** Child processes of the development tools. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Write the output through as it comes; else it is only returned. */
  readonly echo?: boolean;
}

export interface RunResult {
  readonly code: number;
  /** Standard output and standard error, each in order. */
  readonly output: string;
}

/** Runs a command to its end; the code is not zero either when a signal killed it. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = Bun.spawn([...command], {
    cwd: options.cwd ?? repositoryRoot(),
    env: { ...process.env, ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    collect(child.stdout, options.echo === true ? process.stdout : null),
    collect(child.stderr, options.echo === true ? process.stderr : null),
  ]);
  const code = await child.exited;
  return { code, output: stdout + stderr };
}

/** Gives the root folder of the checkout. */
export function repositoryRoot(): string {
  return fileURLToPath(new URL("..", import.meta.url));
}

/** Gives the path of a command that a pinned package brings. */
export function packageCommand(name: string): string {
  return join(repositoryRoot(), "node_modules", ".bin", name);
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  echo: { write(text: string): unknown } | null,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    const part = decoder.decode(chunk, { stream: true });
    text += part;
    echo?.write(part);
  }
  return text;
}
