/** Parsers of other makers, asked what they find in octets: a difference to ours is what smuggling lives on. */
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { HTTPParser } from "http-parser-js";
import { fitsSchema } from "../../core/schema/check.ts";

export interface Found {
  /** Why it refused; null when it did not. */
  readonly fault: string | null;
  readonly messages: readonly FoundMessage[];
}

export interface FoundMessage {
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value. */
  readonly fields: readonly string[];
  readonly body: string;
  /** The end of the message was found. */
  readonly isDone: boolean;
}

// Fields are octets (RFC 9110 section 5.5); by itself it drops the eighth bit of each.
HTTPParser.encoding = "latin1";

/** Asks http-parser-js. */
export function askHttpParserJs(bytes: Buffer): Found {
  const messages: { -readonly [Key in keyof FoundMessage]: FoundMessage[Key] }[] = [];
  const parser = new HTTPParser(HTTPParser.REQUEST);
  parser[HTTPParser.kOnHeadersComplete] = ({ method, url, headers }) => {
    const name = HTTPParser.methods[method] ?? "";
    messages.push({ method: name, url, fields: headers, body: "", isDone: false });
  };
  parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
    const open = messages.at(-1);
    if (open !== undefined) open.body += chunk.toString("latin1", offset, offset + length);
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const open = messages.at(-1);
    if (open !== undefined) open.isDone = true;
  };
  const result = parser.execute(bytes, 0, bytes.length);
  return { fault: result instanceof Error ? result.message : null, messages };
}

const FoundSchema = Type.Object({
  fault: Type.Union([Type.Null(), Type.String()]),
  messages: Type.Array(
    Type.Object({
      method: Type.String(),
      url: Type.String(),
      fields: Type.Array(Type.String()),
      body: Type.String(),
      isDone: Type.Boolean(),
    }),
  ),
});

/** Node's own parser, in a process of Node. */
export class NodeParser implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    const script = join(import.meta.dir, "node-parser.mjs");
    this.#process = Bun.spawn(["node", "--no-deprecation", script], { stdin: "pipe", stdout: "pipe" });
    void this.#read();
  }

  /** Asks about octets; answers come in the order of the questions. */
  async ask(bytes: Buffer): Promise<Found> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push(resolve);
    void this.#process.stdin.write(`${bytes.toString("base64")}\n`);
    await this.#process.stdin.flush();
    const found: unknown = JSON.parse(await promise);
    if (!fitsSchema(FoundSchema, found)) throw new Error("Node's parser has answered something else");
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.end();
    await this.#process.exited;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of this.#process.stdout) {
      text += decoder.decode(bytes, { stream: true });
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        this.#waiting.shift()?.(text.slice(0, end));
        text = text.slice(end + 1);
      }
    }
  }
}
